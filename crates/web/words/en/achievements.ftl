### Achievements.

achievements-title =
    { $mode ->
        [kid] Badges
       *[other] Achievements
    }
achievements-what-is-xp = XP is experience. You earn it by learning: the first trades of a day, notes, and badges.
achievements-what-counts = For badges count: trades of { $trade } or more, shares worth { $holding } or more that you hold through a whole market day, and notes of at least { $note } letters or signs. Without such shares XP ends at { $max }.
achievements-have = You have
achievements-none = None yet. The first one comes with your first trade.
achievements-to-come = To come
achievements-so-far = { $done } of { $of }
achievements-earned = What earned XP last
achievements-by-buying = Bought { $symbol }
achievements-by-selling = Sold { $symbol }
achievements-by-note = Wrote a note
