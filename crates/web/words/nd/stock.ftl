### DRAFT in isiNdebele, not yet reviewed by a native speaker. Do not rely on it before that review.
### One stock.

stock-title = Inkampani
stock-buy-title = Thenga { $name }
stock-sell-title = Thengisa { $name }
stock-watch = Landela
stock-watched = Uyalandela
stock-as-of = Usuku lwemakethe { $day }, ibonwe ngo { $time }
stock-ask = Ukuthenga
stock-bid = Ukuthengisa
stock-moved =
    { $way ->
        [up] Intengo IKHUPHUKE { $change } kusukela ngosuku oludlulileyo.
        [down] Intengo YEHLE { $change } kusukela ngosuku oludlulileyo.
       *[flat] Intengo iyafana losuku oludlulileyo.
    }
stock-stale = Le ntengo isindala. Ukuthengiselana kuqhubeka nxa sekulentsha.
stock-in-doubt = Intengo entsha iyahlolwa. Kuze kuphele akula ongathenga loba athengise.
stock-ended = Akuthengiswa khathesi. Intengo yokucina iyabalwa kulokho olakho.
stock-no-price = Akulantengo khathesi. Khangela futhi muva.
stock-buy = Thenga
stock-sell = Thengisa
stock-story =
    { $way ->
        [up] Ekuqaleni isheya elilodwa lalibiza { $first }. Khathesi libiza { $last }. Kunengi.
        [down] Ekuqaleni isheya elilodwa lalibiza { $first }. Khathesi libiza { $last }. Kulutshwana: izintengo ziyehla futhi.
       *[flat] Ekuqaleni lakhathesi isheya elilodwa libiza { $last }.
    }
stock-range = Kusukela nini
stock-range-1m = Inyanga 1
stock-range-6m = Izinyanga 6
stock-range-1y = Umnyaka 1
stock-range-5y = Iminyaka 5
stock-range-max = Konke
stock-shape = Uhlobo lwetshathi
stock-line = Umugqa
stock-candles = Amakhandlela
stock-large = Itshathi enkulu (54 kB)
stock-candles-of =
    { $span ->
        [week] Ikhandlela ngalinye liviki, lenziwe ngezintengo zokuvala zansuku zonke.
       *[month] Ikhandlela ngalinye linyanga, lenziwe ngezintengo zokuvala zansuku zonke.
    }
stock-about = Le nkampani yenzani?
stock-fun-fact = Iqiniso elimnandi:
stock-what-is-a-share = Ukuba lesheya kutsho ukuba lesiqephu esincinyane senkampani. Nxa abantu becabanga ukuthi izakwenza kuhle, intengo ingakhuphuka. Nxa kungenjalo, ingehla.
stock-own = Amasheya ami
stock-own-shares = Amasheya
stock-own-average = Elilodwa lilibhadelwe, nge-avareji
stock-own-value = Libiza khathesi
stock-own-profit = Inzuzo loba ukulahlekelwa
stock-ticket =
    { $mode ->
        [kid] Zama ngemali yokudlala
       *[other] I-oda
    }
stock-stranger = Zilolonge ngemali yokudlala: akulamali eqotho, lanini.
