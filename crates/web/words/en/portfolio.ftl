### The portfolio.

portfolio-title =
    { $mode ->
        [kid] My pieces
       *[other] Portfolio
    }
portfolio-empty = You have no shares yet.
portfolio-price = Price
portfolio-spread = How your shares are spread
portfolio-checkup = Check-up
portfolio-good = Good:
portfolio-look = Worth a look:
portfolio-few =
    { $n ->
        [one] You have shares of one company only. If it does badly, so do all your shares.
       *[other] You have shares of { $n } companies only. Three or more spread the risk.
    }
portfolio-many = You have shares of { $n } companies.
portfolio-one-much = { $share } of all your money is in { $name }. That is a lot for one company.
portfolio-one-fine = Your largest company, { $name }, has { $share } of all your money.
portfolio-kind-much = { $share } of your shares are of one kind of business: { $name }. They often rise and fall together.
portfolio-kind-fine = Your largest kind of business, { $name }, has { $share } of your shares.
portfolio-cash-much = { $share } of your money is cash that isn't invested.
portfolio-cash-fine = { $share } of your money is cash.
portfolio-thumb = These are rules of thumb for learning, not advice.
portfolio-benchmark = The dashed line is the index { $name }: the same money, invested there.
