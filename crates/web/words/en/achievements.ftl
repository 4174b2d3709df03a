### Achievements.

achievements-title =
    { $mode ->
        [kid] Badges
       *[other] Achievements
    }
achievements-what-is-xp = XP is experience. You earn it by learning: the first trades of a day, notes, and badges.
achievements-have = You have
achievements-none = None yet. The first one comes with your first trade.
achievements-to-come = To come
achievements-so-far = { $done } of { $of }
achievements-earned = What earned XP last
achievements-by-buying = Bought { $symbol }
achievements-by-selling = Sold { $symbol }
achievements-by-note = Wrote a note
