### DRAFT in chiShona, not yet reviewed by a native speaker. Do not rely on it before that review.
### Home.

home-title = Kumba
home-hello = Mhoro
home-you-have = Zvauinazvo, nemari yekutamba
home-hidden = Ratidza mari
home-moved =
    { $way ->
        [up] Zvakwira { $money } kubva zuva rapera.
        [down] Zvadonha { $money } kubva zuva rapera.
       *[flat] Zvakafanana nezuva rapera.
    }
home-since-start = kubva pakutanga
home-today = pazuva remusika { $day }
home-in-shares = Mumigove
home-curve = Zvawaiva nazvo
home-range-1w = Vhiki 1
home-start = Pekutangira
home-start-look = Tarisa musika usarudze kambani yaunoziva.
home-start-buy = Tenga migove mishoma. Imari yekutamba: hapana chingakanganisika.
home-start-note = Nyora kuti sei. Gare gare uchaona kana waiva pachokwadi.
home-to-market = Kumusika
home-buy = Tenga migove
home-sell = Tengesa migove
home-what-happened = Zvakaitika
home-shares = Migove { $shares }
home-all-shares = Migove yangu yese
home-xp = XP { $xp } pa { $next } kusvika padanho rinotevera
home-watched = Ane nyeredzi
