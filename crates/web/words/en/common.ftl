### Messages of several pages.

common-description =
    { $mode ->
        [kid] Learn how shares work with pretend money. No real money, ever.
       *[other] Learn to invest with pretend money at prices from market history. No real money, ever.
    }
common-skip = Skip to content
common-main-navigation = Main pages
common-home = Home
common-market = Market
common-portfolio =
    { $mode ->
        [kid] My pieces
       *[other] Portfolio
    }
common-ranks = Ranks
common-achievements = Badges
common-history = History
common-settings = Settings
common-ops = Operations
common-about = About and help
common-menu = Menu: you, settings, log out
common-log-in = Log in
common-log-out = Log out
common-level = Level { $level }
common-market-day = Market day { $day }
common-market-paused = Market day { $day }: the market is paused
common-cash =
    { $mode ->
        [kid] Your pretend money
       *[other] Cash
    }
common-languages = Languages
common-no-real-money = A game with pretend money. No real money, no real orders, no advice.
common-badge = Badge earned:
common-level-reached = You reached level { $level }.
common-xp-gained = +{ $xp } XP
common-ok = OK
common-form-errors = Please check the following:
common-show-password = Show
common-pages = Pages of the list
common-page-of = Page { $page } of { $last }
common-previous = Previous
common-next = Next
common-as-table = Show as a table
common-mode-kid = Friendly
common-mode-kid-hint = Simple words and fun facts.
common-mode-standard = Standard
common-mode-standard-hint = All features.
common-mode-easy = Easy
common-mode-easy-hint = Large text, one step at a time.
common-chart-sentence = { $name }, { $from } to { $to }: from { $first } to { $last }; lowest { $low }, highest { $high }.
common-chart-day = Day
common-chart-value = Value
common-chart-open = Open
common-chart-high = High
common-chart-low = Low
common-chart-close = Close
common-chart-part = Part
common-chart-share = Share of total
common-more-badges = See all new badges
common-ended = Not traded now
common-character-unfit = This text has a character that can't be used here: { $character }. Type it again without that character.
