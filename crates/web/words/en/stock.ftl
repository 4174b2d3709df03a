### One stock.

stock-title = Company
stock-buy-title = Buy { $name }
stock-sell-title = Sell { $name }
stock-watch = Watch
stock-watched = Watched
stock-as-of = Market day { $day }, price of { $time }
stock-ask = Buy at
stock-bid = Sell at
stock-moved =
    { $way ->
        [up] The price went UP { $change } since the last market day.
        [down] The price went DOWN { $change } since the last market day.
       *[flat] The price is the same as on the last market day.
    }
stock-stale = This price is old. Trading continues when there's a newer one.
stock-in-doubt = The newest price is being checked. Until then, this stock can't be bought or sold.
stock-ended = Not traded now. The last price still counts for your shares.
stock-no-price = There's no price at the moment. Check again later.
stock-buy = Buy
stock-sell = Sell
stock-story =
    { $way ->
        [up] At the start one share cost { $first }. Now it costs { $last }. That is more.
        [down] At the start one share cost { $first }. Now it costs { $last }. That is less: prices can fall, too.
       *[flat] At the start and now one share costs { $last }.
    }
stock-range = Period
stock-range-1m = 1 month
stock-range-6m = 6 months
stock-range-1y = 1 year
stock-range-5y = 5 years
stock-range-max = All
stock-shape = Chart type
stock-line = Line
stock-candles = Candles
stock-large = Large chart (54 kB)
stock-candles-of =
    { $span ->
        [week] Each candle is a week, made of the daily closing prices.
       *[month] Each candle is a month, made of the daily closing prices.
    }
stock-about = What does this company do?
stock-fun-fact = Fun fact:
stock-what-is-a-share = Owning a share means owning a tiny piece of the company. If people think it will do well, the price can rise. If not, it can fall.
stock-own =
    { $mode ->
        [kid] My pieces
       *[other] My shares
    }
stock-own-shares =
    { $mode ->
        [kid] Pieces (shares)
       *[other] Shares
    }
stock-own-average = Average price paid
stock-own-value = Value now
stock-own-profit = Gain or loss
stock-ticket =
    { $mode ->
        [kid] Try it with pretend money
       *[other] Order
    }
stock-stranger = Practise with pretend money: no real money, ever.
