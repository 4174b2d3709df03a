### DRAFT in isiNdebele, not yet reviewed by a native speaker. Do not rely on it before that review.
### The list of stocks.

market-title = Imakethe
market-closed-until = Imakethe ivaliwe. Ama-oda azakwamukelwa futhi kusukela ngo-{ $when }.
market-closed = Imakethe ivaliwe.
market-paused-until = Imakethe imisiwe. Iyaqhubeka ngo-{ $when }.
market-paused = Imakethe imisiwe. Amanani amile, njalo ama-oda azakwamukelwa futhi nxa isiqhubeka.
market-day = Usuku lwemakethe { $day }
market-known-history = Izinkampani zangempela ngentengo zesikhathi esedlula sangempela. Okwalandelayo kungadingwa, ngakho lo mdlalo ngowokufunda, hatshi umncintiswano.
market-full = Usulandela izinkampani ezili-100. Susa inkanyezi eyodwa kuqala.
market-search = Dinga ngebizo loba uphawu
market-search-do = Dinga
market-category = Uhlobo lwebhizimusi
market-all = Zonke
market-sort = Ukuhleleka
market-sort-symbol = Uphawu, A kusiya ku-Z
market-sort-name = Ibizo, A kusiya ku-Z
market-sort-gains = Ezikhuphuke kakhulu kuqala
market-sort-losses = Ezehle kakhulu kuqala
market-sort-dear = Ezidulayo kuqala
market-sort-cheap = Ezitshiphileyo kuqala
market-watched = Ezilenkanyezi kuphela
market-results = Izinkampani
market-found =
    { $n ->
        [one] Inkampani { $n }
       *[other] Izinkampani { $n }
    }
market-none = Ayikho inkampani efananayo. Zama izinhlamvu ezinlutshwana, loba olunye uhlobo lwebhizimusi.
market-none-watched = Kawulandeli nkampani okwamanje. Cindezela inkanyezi ukuze uyithole lapha futhi.
market-show-all = Tshengisa izinkampani zonke
market-no-price = akulantengo
market-watch = Landela { $name }
market-unwatch = Yekela ukulandela { $name }
