### DRAFT in chiShona, not yet reviewed by a native speaker. Do not rely on it before that review.
### Achievements.

achievements-title = Mabheji
achievements-what-is-xp = XP iruzivo. Unoiwana nekudzidza: kutengeserana kwekutanga kwezuva, zvinyorwa, nemabheji.
achievements-what-counts = Zvinoverengerwa mabheji: kutengeserana kwe { $trade } kana kupfuura, migove inokosha { $holding } kana kupfuura yaunochengeta kwezuva rose remusika, uye zvinyorwa zvine mavara { $note } kana kupfuura. Pasina migove yakadai XP inogumira pa { $max }.
achievements-have = Awakawana
achievements-none = Hapana parizvino. Rekutanga rinouya nekutengeserana kwako kwekutanga.
achievements-to-come = Achauya
achievements-so-far = { $done } pa { $of }
achievements-earned = Zvakapedzisira kuwana XP
achievements-by-buying = Watenga { $symbol }
achievements-by-selling = Watengesa { $symbol }
achievements-by-note = Wanyora chinyorwa
achievements-by-award = Mabheji matsva: { $names }
