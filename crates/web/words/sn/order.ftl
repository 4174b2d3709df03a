### DRAFT in chiShona, not yet read by a native speaker: it needs one before anybody relies on it.
### Orders: ticket, review, receipt.

order-step-1 = Danho 1 pa3: sarudza. Hapana chatengwa.
order-step-2 = Danho 2 pa3: mangani?
order-step-3 = Danho 3 pa3: tarisa zvakare. Hapana chaitwa.
order-one-costs = Mugove mumwe unoita
order-one-brings = Mugove mumwe unopa
order-sides = Mutengo wepakati i{ $mid }. Vanotenga vanobhadhara zvishoma pamusoro, { $ask }; vanotengesa vanowana zvishoma pasi, { $bid }. Musiyano uyu unonzi spread.
order-filled-ask = Wabhadhara mutengo wevatengi (ask). Uri zvishoma pamusoro pemutengo wepakati, unoverengwa migove yako: musiyano ihafu yespread.
order-filled-bid = Wawana mutengo wevatengesi (bid). Uri zvishoma pasi pemutengo wepakati, waiverengwa migove yako: musiyano ihafu yespread.
order-back = Dzokera
order-side = Unoda kuitei?
order-side-missing = Sarudza kutenga kana kutengesa.
order-quantity = Migove mingani?
order-quantity-wrong = Nyora nhamba yemigove, inopfuura 0 kusvika { $max }.
order-quantity-whole = Nyora nhamba yakazara yemigove, kubva pa1 kusvika { $max }. Mutambo uyu hauna zvikamu zvemugove.
order-quantity-ambiguous = Nhamba iyi inoverengeka nenzira mbiri. Kana uri iyo yauri kureva, nyora { $number }.
order-you-have = Une { $cash } nemigove { $shares } yekambani iyi.
order-affordable =
    { $n ->
        [one] Mari yako inotenga mugove mumwe.
       *[other] Mari yako inotenga migove kusvika { $n }.
    }
order-note = Sei? Chinyorwa chako
order-note-hint = Unogona kuchisiya. Hapana mumwe anochiverenga.
order-note-counts = Chinyorwa chine mavara { $min } kana kupfuura, chine mazwi matsva, chinoverengerwa mabheji: chimwe pakambani nezuva remusika.
order-note-wrong = Chinyorwa mavara 1 kusvika { $max }.
order-about = Zvichaita kanenge
order-review-do = Tarisa odha
order-review-title = Tarisa odha yako
order-you-buy = UNOTENGA migove { $shares } ye { $name }
order-you-sell = UNOTENGESA migove { $shares } ye { $name }
order-price = Mutengo wemugove mumwe
order-total = Migove yese pamwe chete
order-fee = Muripo
order-cash-after = Mari yasara
order-note-own = Chinyorwa chako
order-too-dear = Hauna mari inokwana.
order-much = { $share } yemari yako yese ichange iri mu { $name }. Kana mutengo wayo ukadonha, mari yako zhinji inodonhawo.
order-price-moves = Mutengo unogona kuchinja kusvika wabvuma. Risiti inotaura kuti waiva chii.
order-next-tick = Odha inoitwa nemutengo wekutanga unouya wabvuma, mukati memasekondi maviri. Risiti inotaura kuti waiva chii.
order-confirm-buy = Bvuma: tenga
order-confirm-sell = Bvuma: tengesa
order-change = Chinja
order-no-cash = Hazvina kuitwa: hauna mari inokwana. Tenga mishoma, kana tengesa chimwe kutanga.
order-no-shares = Hazvina kuitwa: hauna migove yakawanda kudaro.
order-no-price = Hazvina kuitwa: hapana mutengo mutsva parizvino. Edza zvakare gare gare.
order-in-doubt = Hazvina kuitwa: mutengo mutsva uri kuongororwa. Edza zvakare mumaminitsi mashoma.
order-size = Hazvina kuitwa: mutambo uyu hautengesi migove yakawanda kudaro panguva imwe, kana zvidimbu.
order-beyond = Hazvina kuitwa: zvakawandisa paakaundi.
order-busy = Hazvisati zvaitwa: maodha akawanda auya panguva imwe. Bvuma zvakare munguva pfupi.
order-unknown = Hatisati taziva kana zvaitwa. Bvuma zvakare: zvinoitwa kamwe chete.
order-reused = Odha iyi yakabvumwa kare, nemimwe migove. Tanga patsva.
order-receipt-title = Zvaitwa
order-you-bought = Watenga migove { $shares } ye { $name }
order-you-sold = Watengesa migove { $shares } ye { $name }
order-cash-left = Mari yasara
order-shares-now = Migove yayo iye zvino
order-xp = XP yekutengeserana
order-xp-none = Hapana: kutengeserana kwekutanga kwezuva kwatowana yako, kana kuti hausati wachengeta migove kwezuva rose remusika
order-xp-earns = Kutengeserana uku kunowana XP { $xp }.
order-xp-from = Kutengeserana kwe { $min } kana kupfuura kunowana XP.
order-xp-small = Hapana XP: kutengeserana kwe { $min } kana kupfuura chete kunoiwana.
order-xp-day = Hapana XP: kutengeserana { $max } kwekutanga kwezuva rako kwatowana yako.
order-xp-invest = Hapana XP parizvino: tanga wachengeta migove inokosha { $min } kana kupfuura kwezuva rose remusika.
order-xp-rules = Kutengeserana hakuwani XP mumutambo uno.
order-when = Zvaitwa
order-quote = Mutengo wezuva remusika
order-number = Nhamba
order-note-title = Chinyorwa chako
order-note-change = Chinja chinyorwa
order-to-portfolio = Kumigove yangu
order-to-market = Kumusika
