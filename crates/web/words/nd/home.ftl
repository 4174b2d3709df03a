### DRAFT in isiNdebele, not yet reviewed by a native speaker. Do not rely on it before that review.
### Home.

home-title = Ekhaya
home-hello = Salibonani
home-you-have = Olakho, ngemali yokudlala
home-hidden = Tshengisa imali
home-moved =
    { $way ->
        [up] Kukhuphuke { $money } kusukela ngosuku oludlulileyo.
        [down] Kwehle { $money } kusukela ngosuku oludlulileyo.
       *[flat] Kuyafana losuku oludlulileyo.
    }
home-since-start = kusukela ekuqaleni
home-today = ngosuku lwemakethe { $day }
home-in-shares = Emasheyeni
home-curve = Obulakho
home-range-1w = Iviki 1
home-start = Ukuqalisa
home-start-look = Khangela imakethe ukhethe inkampani oyaziyo.
home-start-buy = Thenga amasheya amalutshwana. Yimali yokudlala: akulalutho olungonakala.
home-start-note = Bhala ukuthi kungani. Muva uzabona ukuthi ubuqinisile yini.
home-to-market = Emakethe
home-buy = Thenga amasheya
home-sell = Thengisa amasheya
home-what-happened = Okwenzakeleyo
home-shares = Amasheya angu-{ $shares }
home-all-shares = Wonke amasheya ami
home-xp = I-XP { $xp } kwezi-{ $next } kusiya ezingeni elilandelayo
home-watched = Ezilenkanyezi
