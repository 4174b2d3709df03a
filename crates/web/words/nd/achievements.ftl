### DRAFT in isiNdebele, not yet reviewed by a native speaker. Do not rely on it before that review.
### Achievements.

achievements-title = Amabheji
achievements-what-is-xp = I-XP lulwazi. Uyithola ngokufunda: ukuthengiselana kokuqala kosuku, amanothi, lamabheji.
achievements-what-counts = Okubalelwa amabheji: ukuthengiselana okungu-{ $trade } loba ngaphezulu, amasheya alenani elingu-{ $holding } loba ngaphezulu owagcina usuku lonke lwemakethe, lamanothi alezinhlamvu ezingu-{ $note } loba ngaphezulu. Ngaphandle kwamasheya anjalo i-XP iphelela ku-{ $max }.
achievements-have = Olawo
achievements-none = Awekho okwamanje. Elokuqala liza lokuthengiselana kwakho kokuqala.
achievements-to-come = Azakuza
achievements-so-far = { $done } kwezi-{ $of }
achievements-earned = Okucine ukuthola i-XP
achievements-by-buying = Uthenge { $symbol }
achievements-by-selling = Uthengise { $symbol }
achievements-by-note = Ubhale inothi
achievements-by-award = Amabheji amatsha: { $names }
