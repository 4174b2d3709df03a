### Ranks.

ranks-title = Ranks
ranks-for-learning = For learning
ranks-own = My rank
ranks-place = { $rank } of { $total }
ranks-level = Level { $level }, { $xp } XP in it
ranks-how = How others see me
ranks-which = Rows
ranks-top = From the top
ranks-around = Around me
ranks-rank = Rank
ranks-level-short = Level
ranks-xp = XP
ranks-you = You
ranks-hidden = Hidden player
ranks-order = The higher level comes first, then more XP in it, then the player who started earlier.
ranks-by = Ranked by
ranks-by-xp = By XP
ranks-by-return = By return
ranks-return = Return
ranks-since-start = since the start
ranks-movement = Moved
ranks-climbed =
    { $n ->
        [one] { $places } place up today
       *[other] { $places } places up today
    }
ranks-fell =
    { $n ->
        [one] { $places } place down today
       *[other] { $places } places down today
    }
ranks-stayed = The same place as at the start of the day
ranks-new = new
ranks-order-return = The player with the larger gain relative to the starting cash comes first, then the one who started earlier. Shares are revalued every few seconds.
ranks-movement-why = “Moved” shows the places gained or lost today. A day begins at midnight UTC.
ranks-not-yet = You aren't ranked by return yet. To be on this board, you still need:
ranks-missing-trades =
    { $n ->
        [one] one more trade that counts for badges
       *[other] { $n } more trades that count for badges
    }
ranks-missing-notes =
    { $n ->
        [one] one more note that counts for badges
       *[other] { $n } more notes that count for badges
    }
ranks-building = The ranks are being rebuilt. Until then, you see those of the start of the day.
