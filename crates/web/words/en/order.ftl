### Orders: ticket, review, receipt.

order-step-1 = Step 1 of 3: choose. Nothing is bought yet.
order-step-2 = Step 2 of 3: how many?
order-step-3 = Step 3 of 3: check it once more. Nothing is done yet.
order-one-costs = One share costs
order-one-brings = For one share you get
order-sides = The middle price is { $mid }. Buyers pay a little more, { $ask }; sellers get a little less, { $bid }. The difference is the spread.
order-filled-ask = You paid the ask, the price for buyers. It's a little above the middle price, at which your shares are valued. The difference is half the spread.
order-filled-bid = You got the bid, the price for sellers. It's a little below the middle price, at which your shares were valued. The difference is half the spread.
order-back = Back
order-side = What do you want to do?
order-side-missing = Choose whether to buy or to sell.
order-quantity =
    { $mode ->
        [kid] How many pieces (shares)?
       *[other] How many shares?
    }
order-quantity-wrong = Enter a number of shares in digits, above 0 and up to { $max }.
order-quantity-whole = Enter a whole number of shares in digits, from 1 to { $max }. This game doesn't trade parts of shares.
order-quantity-ambiguous = That number can be read in two ways. If you mean it, enter { $number }.
order-you-have = You have { $cash } and { $shares } of these shares.
order-affordable =
    { $n ->
        [one] Your cash buys one share.
       *[other] Your cash buys up to { $n } shares.
    }
order-note =
    { $mode ->
        [kid] Why? Tell future you
       *[other] Why? A note to yourself
    }
order-note-hint = It's optional, and only you can read it.
order-note-counts = A note of { $min } or more letters or symbols, in new words, counts for badges: one for each company and market day.
order-note-wrong = A note is plain text of 1 to { $max } characters.
order-about = Estimated total:
order-review-do = Review the order
order-review-title = Check your order
order-you-buy = You BUY { $shares } shares of { $name }
order-you-sell = You SELL { $shares } shares of { $name }
order-price = Price of one share
order-total = Total for all shares
order-fee = Fee
order-cash-after =
    { $mode ->
        [kid] Pretend money you have left
       *[other] Cash afterwards
    }
order-note-own = Your note
order-too-dear = You don't have enough cash for this.
order-much = { $share } of all your money would be in { $name }. If its price falls, so does much of your money.
order-price-moves = The price may change before you confirm. The receipt shows what you got.
order-next-tick = The order fills at the first price after you confirm, within two seconds. The receipt shows what you got.
order-fills-close =
    { $mode ->
        [kid] You get the price at the end of this market day, at { $time }. Until then you can change your mind.
       *[other] The order fills at the close of this market day, at { $time }. Until then you can cancel it.
    }
order-fills-quote = The latest price isn't new enough. The order fills at the next price that comes in, and expires if none comes by { $time }. Until then you can cancel it.
order-pending-title = Order accepted
order-ended-title = Your order
order-pending-close =
    { $mode ->
        [kid] Waiting for the price at the end of this market day, at { $time }.
       *[other] It fills at today's close, at { $time }.
    }
order-pending-paused = The market is paused. It fills at the close of this market day, when the market has continued.
order-pending-quote = It fills at the next price that comes in, and expires if none comes by { $time }.
order-not-reserved = Nothing is set aside for it. We check your cash and shares again when it fills.
order-no-fill = There was no price for it in time.
order-cancel = Cancel order
order-too-late = It's too late to cancel: the order is being filled or has ended.
order-too-many = Not done: you have { $max } open orders, and that's the limit. Cancel one first.
order-state = State
order-state-pending = Waiting
order-state-executing = Being filled
order-state-filled = Filled
order-state-rejected = Not filled
order-state-cancelled = Cancelled
order-state-expired = Expired
order-wish-buy = Buy { $shares } shares of { $name }
order-wish-sell = Sell { $shares } shares of { $name }
order-list-title = Your orders
order-to-receipt = See the receipt
order-confirm-buy = Confirm: buy
order-confirm-sell = Confirm: sell
order-change = Change
order-no-cash = Not done: you don't have enough cash. Buy fewer shares, or sell something first.
order-no-shares = Not done: you don't have that many shares.
order-no-price = Not done: there's no new price at the moment. Try again later.
order-in-doubt = Not done: the newest price of this stock is being checked. Try again in a few minutes.
order-clock-unknown = Not done: the market's clock can't be read right now. Try again in a moment.
order-size = Not done: this game doesn't trade that many shares at once, or parts of shares.
order-not-allowed = This game doesn't sell shares of this company. If you own some, you can still sell them.
order-position-max = Your shares of one company may be worth at most { $max } of all you have. You can keep or sell what you own.
order-session-trades =
    { $max ->
        [one] You've traded once this market day, and that's all this game allows. You can trade again on the next one.
       *[other] You've made { $max } trades this market day, and that's all this game allows. You can trade again on the next one.
    }
order-price-min = In this game you can't buy shares that cost less than { $min }. If you own some, you can still sell them.
order-value-min = In this game an order is worth { $min } or more. You can always sell all your shares of a company.
order-holding-min =
    { $n ->
        [one] You can sell these shares once the market day of your last purchase of them is over.
       *[other] You can sell these shares once { $n } market days are over since your last purchase of them, that day included.
    }
order-trades-left =
    { $n ->
        [one] You can make one more trade this market day.
       *[other] You can make { $n } more trades this market day.
    }
order-beyond = Not done: that's more than an account can hold.
order-busy = Not done yet: too many orders came in at once. Confirm again in a moment.
order-unknown = We don't know yet whether it worked. Confirm again: your order is executed once, however often you confirm.
order-reused = This order was confirmed before, with other details. Start again.
order-receipt-title = Done
order-you-bought = You bought { $shares } shares of { $name }
order-you-sold = You sold { $shares } shares of { $name }
order-cash-left = Cash left
order-shares-now = Shares you have now
order-xp = XP for the trade
order-xp-none = None: the first trades of the day have already earned theirs, or you haven't held shares through a whole market day yet
order-xp-earns = This trade earns { $xp } XP.
order-xp-from = A trade of { $min } or more earns XP.
order-xp-small = No XP: only trades of { $min } or more earn it.
order-xp-day = No XP: the first { $max } trades of your day have earned theirs.
order-xp-invest = No XP yet: first hold shares worth { $min } or more through a whole market day.
order-xp-rules = Trades earn no XP in this game.
order-when = Time
order-quote = Price of the market day
order-rules = Rules
order-rules-version = Version { $version }
order-number = Number
order-note-title = Your note
order-note-change = Change the note
order-to-portfolio = Go to my shares
order-to-market = Go to the market
