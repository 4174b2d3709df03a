### DRAFT in chiShona, not yet reviewed by a native speaker. Do not rely on it before that review.
### Ranks.

ranks-title = Nzvimbo
ranks-for-learning = Kudzidza
ranks-own = Nzvimbo yangu
ranks-place = { $rank } pa { $total }
ranks-level = Danho { $level }, XP { $xp } mariri
ranks-how = Mataridzirwo angu kune vamwe
ranks-which = Mitsara ipi
ranks-top = Kubva kumusoro
ranks-around = Vari pedyo neni
ranks-rank = Nzvimbo
ranks-level-short = Danho
ranks-xp = XP
ranks-you = Iwe
ranks-hidden = Mutambi akavanda
ranks-order = Danho repamusoro rinotanga, kozouya XP yakawanda, kozouya akatanga kare.
ranks-by = Marongerwo api
ranks-by-xp = NeXP
ranks-by-return = Nepurofiti
ranks-return = Purofiti
ranks-since-start = kubva pakutanga
ranks-movement = Kufamba
ranks-climbed =
    { $n ->
        [one] Nzvimbo imwe kumusoro nhasi
       *[other] Nzvimbo { $places } kumusoro nhasi
    }
ranks-fell =
    { $n ->
        [one] Nzvimbo imwe pasi nhasi
       *[other] Nzvimbo { $places } pasi nhasi
    }
ranks-stayed = Nzvimbo imwe chete neyepakutanga kwezuva
ranks-new = mutsva
ranks-order-return = Awana chikamu chikuru chemari yekutanga anotanga, kozouya akatanga kare. Kukosha kwemasheya kunoverengwazve masekondi mashoma oga oga.
ranks-movement-why = “Kufamba” kunoratidza nzvimbo dzawanikwa kana kurasika nhasi. Zuva rinotanga pakati peusiku UTC.
ranks-not-yet = Hausati wava panzvimbo neshanduko yemari. Kuti uve pabhodhi iri, uchiri kuda:
ranks-missing-trades = kutengeserana kunoverengwa { $n } zvakare
ranks-missing-notes = zvinyorwa zvinoverengwa { $n } zvakare
ranks-building = Nzvimbo dziri kuunganidzwazve. Kusvika ipapo munoona dzepakutanga kwezuva.
