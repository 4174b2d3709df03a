### DRAFT in chiShona, not yet reviewed by a native speaker. Do not rely on it before that review.
### The list of stocks.

market-title = Musika
market-closed-until = Musika wakavharwa. Maodha anotambirwa zvakare kubva { $when }.
market-closed = Musika wakavharwa.
market-paused-until = Musika wakamiswa. Unoenderera mberi { $when }.
market-paused = Musika wakamiswa. Mitengo yakamira, uye maodha anotambirwa zvakare kana waenderera mberi.
market-day = Zuva remusika { $day }
market-known-history = Makambani chaiwo nemitengo yenguva yakapfuura chaiyo. Zvakazoitika zvinogona kutsvakwa, saka mutambo uyu ndewekudzidza, kwete makwikwi.
market-full = Wakatotarisa makambani 100. Bvisa nyeredzi imwe kutanga.
market-search = Tsvaga nezita kana chiratidzo
market-search-do = Tsvaga
market-category = Rudzi rwebhizinesi
market-all = Ese
market-sort = Kurongeka
market-sort-symbol = Chiratidzo, A kusvika Z
market-sort-name = Zita, A kusvika Z
market-sort-gains = Akakwira zvikuru kutanga
market-sort-losses = Akadonha zvikuru kutanga
market-sort-dear = Anodhura kutanga
market-sort-cheap = Akachipa kutanga
market-watched = Ane nyeredzi chete
market-results = Makambani
market-found =
    { $n ->
        [one] Kambani { $n }
       *[other] Makambani { $n }
    }
market-none = Hapana kambani inoenderana. Edza mavara mashoma, kana rumwe rudzi rwebhizinesi.
market-none-watched = Hauna kambani yauri kutarisa. Baya nyeredzi kuti uiwane pano zvakare.
market-show-all = Ratidza makambani ese
market-no-price = hapana mutengo
market-watch = Tarisa { $name }
market-unwatch = Rega kutarisa { $name }
