### Home.

home-title = Home
home-hello = Hello
home-you-have =
    { $mode ->
        [kid] Your pretend money and your pieces together
        [easy] You have, in pretend money
       *[other] Total value, in pretend money
    }
home-hidden = Show amounts
home-moved =
    { $way ->
        [up] It went UP { $money } since the last market day.
        [down] It went DOWN { $money } since the last market day.
       *[flat] It is the same as on the last market day.
    }
home-since-start = since the start
home-today = on market day { $day }
home-in-shares =
    { $mode ->
        [kid] In pieces (shares)
       *[other] In shares
    }
home-curve = The value of your portfolio
home-range-1w = 1 week
home-start = Where to begin
home-start-look = Look at the market and choose a company you know.
home-start-buy = Buy a few shares. It's pretend money, so nothing can go wrong.
home-start-note = Write down why. Later you'll see whether you were right.
home-to-market = Go to the market
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
home-watched = Starred
