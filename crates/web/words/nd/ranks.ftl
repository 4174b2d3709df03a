### DRAFT in isiNdebele, not yet read by a native speaker: it needs one before anybody relies on it.
### Ranks.

ranks-title = Izikhundla
ranks-own = Isikhundla sami
ranks-place = { $rank } kwabangu-{ $total }
ranks-level = Izinga { $level }, i-XP { $xp } kulo
ranks-how = Engibonakala ngakho kwabanye
ranks-which = Imigqa yiphi
ranks-top = Kusukela phezulu
ranks-around = Abaseduze lami
ranks-rank = Isikhundla
ranks-level-short = Izinga
ranks-xp = I-XP
ranks-you = Wena
ranks-hidden = Umdlali ofihlekileyo
ranks-former = Owayengumdlali
ranks-order = Izinga eliphezulu liqala, kulandele i-XP enengi, kulandele owaqala kuqala.
