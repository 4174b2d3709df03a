### The list of stocks.

market-title = Market
market-closed-until = The exchange is closed. You can place orders again from { $when }.
market-closed = The exchange is closed.
market-paused-until = The market is paused. It continues at { $when }.
market-paused = The market is paused. Prices stand still, and orders are taken again when it continues.
market-day = Market day { $day }
market-known-history = Real companies at real prices of the past. Anyone can look up what came next, so this game is for learning and not a contest.
market-full = You're already watching 100 companies. Remove a star first.
market-search = Search by name or symbol
market-search-do = Search
market-category = Kind of business
market-all = All
market-sort = Sort by
market-sort-symbol = Symbol, A to Z
market-sort-name = Name, A to Z
market-sort-gains = Largest gains first
market-sort-losses = Largest losses first
market-sort-dear = Highest price first
market-sort-cheap = Lowest price first
market-watched = Starred only
market-results = Companies
market-found =
    { $n ->
        [one] { $n } company
       *[other] { $n } companies
    }
market-none = No company matches. Try fewer letters or another kind of business.
market-none-watched = You aren't watching any companies yet. Tap a star to find one here again.
market-show-all = Show all companies
market-no-price = no price
market-watch = Watch { $name }
market-unwatch = Stop watching { $name }
