### DRAFT in isiNdebele, not yet reviewed by a native speaker. Do not rely on it before that review.
### Ranks.

ranks-title = Izikhundla
ranks-for-learning = Ngokufunda
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
ranks-order = Izinga eliphezulu liqala, kulandele i-XP enengi, kulandele owaqala kuqala.
ranks-by = Uhlelo luphi
ranks-by-xp = Nge-XP
ranks-by-return = Ngenzuzo
ranks-return = Inzuzo
ranks-since-start = kusukela ekuqaleni
ranks-movement = Ukuhamba
ranks-climbed =
    { $n ->
        [one] Isikhundla esisodwa phezulu lamuhla
       *[other] Izikhundla ezi-{ $places } phezulu lamuhla
    }
ranks-fell =
    { $n ->
        [one] Isikhundla esisodwa phansi lamuhla
       *[other] Izikhundla ezi-{ $places } phansi lamuhla
    }
ranks-stayed = Isikhundla esifanayo lesekuqaleni kosuku
ranks-new = omutsha
ranks-order-return = Ozuze ingxenye enkulu yemali yokuqala uyaqala, kulandele owaqala kuqala. Inani lamasheya libalwa futhi ngemva kwemizuzwana emilutshwana.
ranks-movement-why = “Ukuhamba” kutsho izikhundla ezizuziweyo kumbe ezilahlekileyo lamuhla. Usuku luqala phakathi kobusuku UTC.
ranks-not-yet = Awukabi sendaweni ngenzuzo. Ukuze ube kulelibhodi, usaswela:
ranks-missing-trades = ukuthengiselana okubalwayo okungu-{ $n } futhi
ranks-missing-notes = amanothi abalwayo angu-{ $n } futhi
ranks-building = Izikhundla ziyahlanganiswa futhi. Kuze kube khathesi ubona ezekuqaleni kosuku.
