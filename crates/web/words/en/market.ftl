### The list of stocks.

market-title = Market
market-closed-until = The exchange is closed. Orders are taken again from { $when }.
market-closed = The exchange is closed.
market-day = Market day { $day }
market-known-history = Real companies at prices of a real past. What came next can be looked up, so this game is for learning and not a contest.
market-full = You watch 100 companies already. Take a star away first.
market-search = Search by name or symbol
market-search-do = Search
market-category = Kind of business
market-all = All
market-sort = Order
market-sort-symbol = Symbol, A to Z
market-sort-name = Name, A to Z
market-sort-gains = Largest gains first
market-sort-losses = Largest losses first
market-sort-dear = Dearest first
market-sort-cheap = Cheapest first
market-watched = With a star only
market-results = Companies
market-found =
    { $n ->
        [one] { $n } company
       *[other] { $n } companies
    }
market-none = No company fits. Try fewer letters, or another kind of business.
market-none-watched = You watch no company yet. Tap a star to find it here again.
market-show-all = Show all companies
market-no-price = no price
market-watch = Watch { $name }
market-unwatch = Stop watching { $name }
