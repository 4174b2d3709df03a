### Ranks.

ranks-title = Ranks
ranks-own = My place
ranks-place = { $rank } of { $total }
ranks-level = Level { $level }, { $xp } XP in it
ranks-how = How I appear to others
ranks-which = Which rows
ranks-top = From the top
ranks-around = Around me
ranks-rank = Rank
ranks-level-short = Level
ranks-xp = XP
ranks-you = You
ranks-hidden = Hidden player
ranks-former = A former player
ranks-order = The higher level comes first, then more XP in it, then who began earlier.
