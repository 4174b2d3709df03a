### DRAFT in isiNdebele, not yet read by a native speaker: it needs one before anybody relies on it.
### What several pages say.

common-description = Funda ukutshala imali ngemali yokuzenzisa. Akulamali yangempela.
common-skip = Yeqela kokuphakathi
common-main-navigation = Amakhasi amakhulu
common-home = Ekhaya
common-market = Imakethe
common-portfolio = Engilakho
common-ranks = Izikhundla
common-achievements = Imiklomelo
common-history = Imbali
common-settings = Izilungiselelo
common-ops = Ukusebenza
common-about = Ngathi losizo
common-menu = Imenyu: wena, izilungiselelo, ukuphuma
common-log-in = Ngena
common-log-out = Phuma
common-level = Izinga { $level }
common-cash = Imali yakho
common-languages = Izindimi
common-no-real-money = Umdlalo ngemali yokuzenzisa. Akulamali yangempela, akulakuthenga kwangempela, akulazeluleko.
common-badge = Uthole umklomelo:
common-xp-gained = +{ $xp } XP
common-ok = Kulungile
common-form-errors = Sicela ukhangele lokhu futhi:
common-show-password = Tshengisa
common-pages = Amakhasi oluhlu
common-page-of = Ikhasi { $page } kwangu { $last }
common-previous = Emuva
common-next = Phambili
common-as-table = Tshengisa njengethebula
common-mode-kid = Okwabantwana
common-mode-kid-hint = Amazwi alula lokujabulisayo.
common-mode-standard = Okujwayelekileyo
common-mode-standard-hint = Konke okungabonwa.
common-mode-easy = Okulula
common-mode-easy-hint = Amagama amakhulu, isinyathelo ngesinye.
