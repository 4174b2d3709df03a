### Achievements.

achievements-title =
    { $mode ->
        [kid] Badges
       *[other] Achievements
    }
achievements-what-is-xp = XP is experience. You earn it with your first trades of the day, with notes and with badges.
achievements-what-counts = These count for badges: trades of { $trade } or more, shares worth { $holding } or more that you hold through a whole market day, and notes of at least { $note } letters or symbols. Without such shares, your XP stops at { $max }.
achievements-have = Earned
achievements-none = None yet. You get the first one with your first trade.
achievements-to-come = Still to earn
achievements-so-far = { $done } of { $of }
achievements-earned = Latest XP
achievements-by-buying = Bought { $symbol }
achievements-by-selling = Sold { $symbol }
achievements-by-note = Wrote a note
achievements-by-award = New badges: { $names }
