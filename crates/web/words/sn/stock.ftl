### DRAFT in chiShona, not yet reviewed by a native speaker. Do not rely on it before that review.
### One stock.

stock-title = Kambani
stock-buy-title = Tenga { $name }
stock-sell-title = Tengesa { $name }
stock-watch = Tarisa
stock-watched = Uri kutarisa
stock-as-of = Zuva remusika { $day }, yaonekwa na { $time }
stock-ask = Kutenga
stock-bid = Kutengesa
stock-moved =
    { $way ->
        [up] Mutengo WAKWIRA { $change } kubva zuva rapera.
        [down] Mutengo WADONHA { $change } kubva zuva rapera.
       *[flat] Mutengo wakafanana nezuva rapera.
    }
stock-stale = Mutengo uyu wachembera. Kutengeserana kunoenderera kana pava nemutsva.
stock-in-doubt = Mutengo mutsva uri kuongororwa. Kusvikira zvapera hapana anogona kutenga kana kutengesa.
stock-ended = Hazvisi kutengeswa iye zvino. Mutengo wekupedzisira ndiwo unoverengwa pane zvaunazvo.
stock-no-price = Hapana mutengo parizvino. Tarisa zvakare gare gare.
stock-buy = Tenga
stock-sell = Tengesa
stock-story =
    { $way ->
        [up] Pakutanga mugove mumwe waiita { $first }. Iye zvino unoita { $last }. Zvakawanda.
        [down] Pakutanga mugove mumwe waiita { $first }. Iye zvino unoita { $last }. Zvishoma: mitengo inodonhawo.
       *[flat] Pakutanga neiye zvino mugove mumwe unoita { $last }.
    }
stock-range = Kudzokera shure kusvika papi
stock-range-1m = Mwedzi 1
stock-range-6m = Mwedzi 6
stock-range-1y = Gore 1
stock-range-5y = Makore 5
stock-range-max = Zvese
stock-shape = Rudzi rwechati
stock-line = Mutsara
stock-candles = Makenduru
stock-large = Chati hombe (54 kB)
stock-candles-of =
    { $span ->
        [week] Kenduru rega rega ivhiki, rakagadzirwa nemitengo yekuvhara yezuva nezuva.
       *[month] Kenduru rega rega mwedzi, rakagadzirwa nemitengo yekuvhara yezuva nezuva.
    }
stock-about = Kambani iyi inoitei?
stock-fun-fact = Chokwadi chinonakidza:
stock-what-is-a-share = Kuva nemugove kureva kuva nekachidimbu kekambani. Kana vanhu vachifunga kuti ichaita zvakanaka, mutengo unogona kukwira. Kana zvisina, unogona kudonha.
stock-own = Migove yangu
stock-own-shares = Migove
stock-own-average = Wakabhadhara mumwe, paavhareji
stock-own-value = Yakakosha iye zvino
stock-own-profit = Purofiti kana kurasikirwa
stock-ticket =
    { $mode ->
        [kid] Edza nemari yekutamba
       *[other] Odha
    }
stock-stranger = Dzidzira nemari yekutamba: hapana mari chaiyo, nokusingaperi.
