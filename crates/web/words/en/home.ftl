### Home.

home-title = Home
home-hello = Hello
home-you-have =
    { $mode ->
        [kid] Your pretend money and your pieces together
        [easy] You have, in pretend money
       *[other] What you have, in pretend money
    }
home-hidden = Show amounts
home-moved =
    { $way ->
        [up] It went UP { $money } since the last day.
        [down] It went DOWN { $money } since the last day.
       *[flat] It is the same as on the last day.
    }
home-since-start = since the start
home-today = on market day { $day }
home-in-shares =
    { $mode ->
        [kid] In pieces (shares)
       *[other] In shares
    }
home-curve = What you had
home-range-1w = 1 week
home-start = Where to begin
home-start-look = Look at the market and choose a company you know.
home-start-buy = Buy a few shares. It is pretend money: nothing can go wrong.
home-start-note = Write down why. Later you will see whether you were right.
home-to-market = To the market
home-buy = Buy shares
home-sell = Sell shares
home-what-happened = What happened
home-shares =
    { $mode ->
        [kid] { $shares } pieces (shares)
       *[other] { $shares } shares
    }
home-all-shares = All my shares
home-xp = { $xp } of { $next } XP to the next level
home-watched = With a star
