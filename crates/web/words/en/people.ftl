### The operator's pages of users.

people-title = Users
people-search = Name or e-mail address
people-show = Search
people-none = No users found.
people-none-here = No users found among the newest accounts. There are older ones.
people-older = Older accounts
people-operator = operator
people-done = Done.
people-account = Account
people-number = Number
people-since = Registered
people-used = Last used
people-sessions = Logged-in browsers
people-tokens = Tokens for programs
people-codes = Recovery codes left
people-trades = Trades
people-link-title = Forgotten password
people-link-text = A link sets a new password once, within { $hours } hours. A newer link replaces it. Give it only to this person.
people-link-made = Copy the link now. It won't be shown again.
people-link-do = Make a link
people-sessions-title = Log out everywhere
people-sessions-text = This logs out all browsers and revokes all tokens. The password stays the same.
people-sessions-do = Log out everywhere
