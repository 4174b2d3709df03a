### DRAFT in isiNdebele, not yet read by a native speaker: it needs one before anybody relies on it.
### The landing, help, and what is shown without a network.

about-title = Ngathi losizo
about-landing-title = Funda ukutshala imali kungelangozi
about-promise = Funda ukutshala imali. Akulalutho olulahlekelwa.
about-promise-text = Uthola { $cash } yemali yokuzenzisa, uthenge izabelo zezinkampani zangempela, ubone okwenzakalayo. Okwabantwana, abadala lokhulu.
about-start = Qalisa ukudlala
about-safe = Akulamali yangempela
about-safe-text = Akulalutho olubhadalwayo, akulalutho olulahlekayo, akulazikhangiso.
about-real = Amanani embali
about-real-text = Usuku lwemakethe luyedlula udlala, ukuze ubone iminyaka ungalindanga.
about-learn = Funda ngokwenza
about-learn-text = Bhala ukuthi uthengelani, ubuye ukhangele emuva. Ukubekezela kuletha imiklomelo emihle kulokuphangisa.
about-code = Ulekhodi yini?
about-what = Kuyini lokhu
about-what-text = I-Openbell ngumdlalo wezabelo. Wonke umuntu uqala nge-{ $cash } yemali yokuzenzisa, athenge athengise ngamanani emakethe, afunde okwenzakalayo.
about-not-advice = Akulalutho lapha oluyiseluleko ngemali yangempela. Amanani akudala kawatsho okunengi ngezayo.
about-how = Kudlalwa njani
about-how-look = Khangela emakethe ubale okwenziwa yinkampani.
about-how-trade = Thenga izabelo ezimbalwa zenkampani oyizwisisayo. Uyabona intengo ungakaqinisekisi.
about-how-why = Bhala isizatho. Sizakusiza ngemuva.
about-how-wait = Linda. Amanani ayakhuphuka ehle; ukuthengisa ngokwesaba kakuvamanga ukusiza.
about-prices = Amanani
about-prices-day = Imakethe iku-{ $day } kukhalenda yayo.
about-privacy = Okugcinwayo ngawe
about-privacy-text = Ibizo lakho, ikheli lakho le-email, iphasiwedi efihliweyo lokwenzileyo emdlalweni. Ikhukhi eyodwa ikugcina ungenile, enye ikhumbula ukuthi amakhasi akhangeleka njani. Akula omunye otshelwayo.
about-parts = Izingxenye zabanye
about-charts = Amatshathi amakhulu adwetshwa yi-Lightweight Charts™, Copyright © TradingView, Inc., Apache License 2.0:
about-charts-name = TradingView
about-program = Amakhasi asebenzisa i-htmx (0BSD). Uhlelo lumahhala ngaphansi kwe-Apache License 2.0; ifayela i-NOTICE ibala konke.
about-api = I-API yezinhlelo
about-offline-title = Akulanethiwekhi
about-offline-text = Lo msebenziso kawulanethiwekhi khathesi. Imali yakho yokuzenzisa lezabelo zakho kuphephile eseveni.
about-offline-again = Zama futhi
