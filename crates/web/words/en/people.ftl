### The operator's pages of users.

people-title = People
people-search = Name or e-mail address
people-show = Search
people-none = Nobody is found.
people-none-here = Nobody is found among the newest. There are older accounts.
people-older = Older accounts
people-operator = operator
people-done = Done.
people-account = The account
people-number = Number
people-since = Registered
people-used = Last used
people-sessions = Browsers logged in
people-tokens = Tokens for programs
people-codes = Recovery codes left
people-trades = Trades
people-link-title = Forgotten password
people-link-text = A link sets a new password once, within { $hours } hours. A newer link replaces it. Give it to this person only.
people-link-made = Copy the link now. It is not shown again.
people-link-do = Make a link
people-sessions-title = Log out everywhere
people-sessions-text = All browsers are logged out, and all tokens end. The password stays.
people-sessions-do = Log out everywhere
