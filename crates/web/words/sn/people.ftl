### DRAFT in chiShona, not yet reviewed by a native speaker. Do not rely on it before that review.
### The operator's pages of users.

people-title = Vanhu
people-search = Zita kana kero ye-email
people-show = Tsvaga
people-none = Hapana awanikwa.
people-none-here = Hapana awanikwa pane vatsva. Pane maakaundi ekare.
people-older = Maakaundi ekare
people-operator = mufambisi
people-done = Zvaitwa.
people-account = Akaundi
people-number = Nhamba
people-since = Akanyoresa
people-used = Yakapedzisira kushandiswa
people-sessions = Mabhurawuza apinda
people-tokens = Matokeni emapurogiramu
people-codes = Kodhi dzekudzorera dzasara
people-trades = Kutengeserana
people-link-title = Pasiwedi yakanganwiwa
people-link-text = Chinongedzo chinoisa pasiwedi itsva kamwe chete, mukati memaawa { $hours }. Chitsva chinochitsiva. Ipa munhu uyu chete.
people-link-made = Kopa chinongedzo izvozvi. Hachizoratidzwi zvakare.
people-link-do = Gadzira chinongedzo
people-sessions-title = Budisa kwese
people-sessions-text = Mabhurawuza ese anobudiswa, uye matokeni ese anopera. Pasiwedi inosara.
people-sessions-do = Budisa kwese
