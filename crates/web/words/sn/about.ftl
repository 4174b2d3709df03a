### DRAFT in chiShona, not yet read by a native speaker: it needs one before anybody relies on it.
### The landing, help, and what is shown without a network.

about-title = Nezvedu nerubatsiro
about-landing-title = Dzidza kuisa mari pasina njodzi
about-promise = Dzidza kuisa mari. Hapana chaunorasikirwa.
about-promise-text = Unowana { $cash } yemari yekufungidzira, wotenga zvikamu zvemakambani chaiwo, woona zvinozoitika. Zvevana, vakuru navanasekuru.
about-start = Tanga kutamba
about-safe = Hapana mari chaiyo
about-safe-text = Hapana chekubhadhara, hapana chekurasikirwa, hapana zvishambadzo.
about-real = Mitengo yenhoroondo
about-real-text = Zuva remusika rinopfuura uchitamba, kuti uone makore pasina kumirira.
about-learn = Dzidza nekuita
about-learn-text = Nyora kuti wakatengerei, wozotarisa gare gare. Kushivirira kunopa mibairo yakawanda kupfuura kumhanya.
about-code = Une kodhi here?
about-what = Chii ichi
about-what-text = Openbell mutambo wezvikamu zvemakambani. Munhu wese anotanga ne{ $cash } yemari yekufungidzira, otenga nekutengesa nemitengo yemusika, odzidza zvinoitika.
about-not-advice = Hapana chiri pano chiri zano remari chaiyo. Mitengo yakare haitauri zvizhinji nezveramangwana.
about-how = Matambiro
about-how-look = Tarisa mumusika uverenge zvinoitwa nekambani.
about-how-trade = Tenga zvikamu zvishoma zvekambani yaunonzwisisa. Unoona mutengo usati wasimbisa.
about-how-why = Nyora chikonzero. Chichakubatsira gare gare.
about-how-wait = Mirira. Mitengo inokwira nekudzika; kutengesa uchitya hakuwanzi kubatsira.
about-prices = Mitengo
about-prices-day = Musika uri pa{ $day } pakarenda yawo.
about-privacy = Zvinochengetwa nezvako
about-privacy-text = Zita rako, kero yako ye-email, pasiwedi yakavhunganiswa nezvawakaita mumutambo. Kuki imwe inokuchengeta uri mukati, imwe inorangarira mataridzikiro. Hapana mumwe anoudzwa.
about-parts = Zvikamu zvevamwe
about-charts = Machati makuru anodhirowewa neLightweight Charts™, Copyright © TradingView, Inc., Apache License 2.0:
about-charts-name = TradingView
about-program = Mapeji anoshandisa htmx (0BSD). Chirongwa ndechemahara pasi peApache License 2.0; faira rinonzi NOTICE rinodoma zvose.
about-api = API yezvirongwa
about-offline-title = Hapana netiweki
about-offline-text = Mudziyo uno hauna netiweki izvozvi. Mari yako yekufungidzira nezvikamu zvako zvakachengeteka pasevha.
about-offline-again = Edza zvakare
