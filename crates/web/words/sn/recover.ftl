### DRAFT in chiShona, not yet reviewed by a native speaker. Do not rely on it before that review.
### A new password without the old one.

recover-title = Pasiwedi itsva
recover-lead = Wakanganwa pasiwedi here? Nekodhi yako yekudzorera unogona kuisa itsva.
recover-code = Kodhi yekudzorera
recover-code-hint = Inoita se 0K7Q-M92X-TVB4. Kodhi imwe neimwe inoshanda kamwe chete.
recover-code-missing = Nyora imwe yekodhi dzako dzekudzorera.
recover-code-wrong = Kero ye-email kana kodhi haina kururama, kana kodhi yakamboshandiswa.
recover-password = Pasiwedi itsva
recover-text = Kwese kumwe unobudiswa, uye matokeni anopera.
recover-do = Isa pasiwedi itsva
recover-no-code = Hauna kodhi yekudzorera? Bvunza vanofambisa mutambo: vanogona kukupa chinongedzo chepasiwedi itsva.
recover-for = Akaundi ya
recover-dead = Chinongedzo ichi chakashandiswa, chapera nguva, kana kutsiviwa nechitsva. Kumbira chimwe.
recover-by-code = Shandisa kodhi yekudzorera
