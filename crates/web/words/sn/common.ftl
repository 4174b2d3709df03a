### DRAFT in chiShona, not yet read by a native speaker: it needs one before anybody relies on it.
### What several pages say.

common-description = Dzidza kuisa mari mumakambani uchishandisa mari yekufungidzira. Hapana mari chaiyo.
common-skip = Enda kune zviri mukati
common-main-navigation = Mapeji makuru
common-home = Kumba
common-market = Musika
common-portfolio = Zvandinazvo
common-ranks = Nzvimbo
common-achievements = Mibairo
common-history = Nhoroondo
common-settings = Zvisarudzo
common-ops = Mashandiro
common-about = Nezvedu nerubatsiro
common-menu = Menyu: iwe, zvisarudzo, kubuda
common-log-in = Pinda
common-log-out = Buda
common-level = Danho { $level }
common-cash = Mari yako
common-languages = Mitauro
common-no-real-money = Mutambo une mari yekufungidzira. Hapana mari chaiyo, hapana kutenga chaiko, hapana mazano.
common-badge = Wawana mubairo:
common-xp-gained = +{ $xp } XP
common-ok = Hongu
common-form-errors = Ndapota tarisa izvi zvakare:
common-show-password = Ratidza
common-pages = Mapeji erondedzero
common-page-of = Peji { $page } pa { $last }
common-previous = Kumashure
common-next = Mberi
common-as-table = Ratidza setafura
common-mode-kid = Nyore kuvana
common-mode-kid-hint = Mazwi akareruka nezvinonakidza.
common-mode-standard = Zvakajairika
common-mode-standard-hint = Zvose zvinooneka.
common-mode-easy = Zvakareruka
common-mode-easy-hint = Mavara makuru, danho rimwe panguva.
