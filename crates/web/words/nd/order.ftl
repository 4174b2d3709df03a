### DRAFT in isiNdebele, not yet read by a native speaker: it needs one before anybody relies on it.
### Orders: ticket, review, receipt.

order-step-1 = Isinyathelo 1 kwezi-3: khetha. Akulalutho oluthengiweyo.
order-step-2 = Isinyathelo 2 kwezi-3: amangaki?
order-step-3 = Isinyathelo 3 kwezi-3: khangela futhi. Akulalutho olwenziweyo.
order-one-costs = Isheya elilodwa libiza
order-one-brings = Isheya elilodwa liletha
order-sides = Intengo ephakathi ngu-{ $mid }. Abathengayo babhadala okungaphezulu kancane, { $ask }; abathengisayo bathola okungaphansi kancane, { $bid }. Umehluko lo uthiwa yi-spread.
order-filled-ask = Ubhadale intengo yabathengi (ask). Ingaphezulu kancane kwentengo ephakathi, okubalwa ngayo amasheya akho: umehluko yingxenye yesibili ye-spread.
order-filled-bid = Uthole intengo yabathengisi (bid). Ingaphansi kancane kwentengo ephakathi, okwakubalwa ngayo amasheya akho: umehluko yingxenye yesibili ye-spread.
order-back = Emuva
order-side = Ufuna ukwenzani?
order-side-missing = Khetha ukuthenga loba ukuthengisa.
order-quantity = Amasheya amangaki?
order-quantity-wrong = Bhala inani lamasheya, elidlula u-0 kusiya ku-{ $max }.
order-quantity-whole = Bhala inani elipheleleyo lamasheya, kusukela ku-1 kusiya ku-{ $max }. Lumdlalo kawulazo izingxenye zesheya.
order-quantity-ambiguous = Inombolo le ifundeka ngendlela ezimbili. Nxa uqonde yona, bhala { $number }.
order-you-have = Ule { $cash } lamasheya angu-{ $shares } ale nkampani.
order-affordable =
    { $n ->
        [one] Imali yakho ithenga isheya elilodwa.
       *[other] Imali yakho ithenga amasheya afika ku-{ $n }.
    }
order-note = Kungani? Inothi lakho
order-note-hint = Ungayitshiya. Kakho omunye oyibalayo.
order-note-counts = Inothi elilezinhlamvu ezingu-{ $min } loba ngaphezulu, elilamazwi amatsha, liyabalelwa amabheji: elilodwa enkampanini ngosuku lwemakethe.
order-note-wrong = Inothi lizinhlamvu 1 kusiya ku-{ $max }.
order-about = Kuzabiza okungaba
order-review-do = Khangela i-oda
order-review-title = Khangela i-oda yakho
order-you-buy = UTHENGA amasheya angu-{ $shares } ka-{ $name }
order-you-sell = UTHENGISA amasheya angu-{ $shares } ka-{ $name }
order-price = Intengo yesheya elilodwa
order-total = Amasheya wonke ndawonye
order-fee = Imbadalo
order-cash-after = Imali eseleyo
order-note-own = Inothi lakho
order-too-dear = Kawulamali eyaneleyo.
order-much = { $share } yemali yakho yonke izabe iku-{ $name }. Nxa intengo yayo isehla, imali yakho enengi iyehla layo.
order-price-moves = Intengo ingatshintsha uze uvume. Irisidi itsho ukuthi ibiyini.
order-next-tick = I-oda yenziwa ngentengo yokuqala elandela ukuvuma kwakho, phakathi kwemizuzwana emibili. Irisidi itsho ukuthi ibiyini.
order-confirm-buy = Vuma: thenga
order-confirm-sell = Vuma: thengisa
order-change = Tshintsha
order-no-cash = Akwenziwanga: kawulamali eyaneleyo. Thenga amalutshwana, loba uthengise okunye kuqala.
order-no-shares = Akwenziwanga: kawulamasheya amanengi kangako.
order-no-price = Akwenziwanga: akulantengo entsha khathesi. Zama futhi muva.
order-in-doubt = Akwenziwanga: intengo entsha iyahlolwa. Zama futhi emizuzwini emilutshwana.
order-size = Akwenziwanga: lo mdlalo kawuthengisi amasheya amanengi kangako ngasikhathi sinye, loba iziqephu.
order-beyond = Akwenziwanga: kunengi kakhulu kwi-akhawunti.
order-busy = Akukenziwa: ama-oda amanengi kakhulu afike ngasikhathi sinye. Vuma futhi masinyane.
order-unknown = Kasikazi ukuthi kwenziwe yini. Vuma futhi: kwenziwa kanye kuphela.
order-reused = Le oda yavunywa kuqala, ngamanye amasheya. Qala kutsha.
order-receipt-title = Kwenziwe
order-you-bought = Uthenge amasheya angu-{ $shares } ka-{ $name }
order-you-sold = Uthengise amasheya angu-{ $shares } ka-{ $name }
order-cash-left = Imali eseleyo
order-shares-now = Amasheya ayo khathesi
order-xp = I-XP yokuthengiselana
order-xp-none = Ayikho: ukuthengiselana kokuqala kosuku sekuyitholile, loba awukagcini amasheya usuku lonke lwemakethe
order-xp-earns = Lokhu kuthengiselana kuthola i-XP engu-{ $xp }.
order-xp-from = Ukuthengiselana okungu-{ $min } loba ngaphezulu kuthola i-XP.
order-xp-small = Ayikho i-XP: ukuthengiselana okungu-{ $min } loba ngaphezulu kuphela okuyitholayo.
order-xp-day = Ayikho i-XP: ukuthengiselana kokuqala okungu-{ $max } kosuku lwakho sekuyitholile.
order-xp-invest = Ayikho i-XP okwamanje: qala ugcine amasheya alenani elingu-{ $min } loba ngaphezulu usuku lonke lwemakethe.
order-xp-rules = Ukuthengiselana akutholi i-XP kulo mdlalo.
order-when = Kwenziwe ngo
order-quote = Intengo yosuku lwemakethe
order-number = Inombolo
order-note-title = Inothi lakho
order-note-change = Tshintsha inothi
order-to-portfolio = Emasheyeni ami
order-to-market = Emakethe
