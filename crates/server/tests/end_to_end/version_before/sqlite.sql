PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO _sqlx_migrations VALUES(1,'foundation','2024-03-04 10:00:00',1,X'7845ff2abb52e99b8d5de823f0ec626a3879b1dc0ce62e01182091f0406adc74747831d741712b0b05e891f15596b8fe',4371608);
INSERT INTO _sqlx_migrations VALUES(2,'pages','2024-03-04 10:00:00',1,X'ee66c168c06a506c010719cf165d83d6dae3a8821ebf924b441f0b9aa557038fd36e1aa049b06b3a341d685bab484ea3',2640449);
INSERT INTO _sqlx_migrations VALUES(3,'leases','2024-03-04 10:00:00',1,X'e1b529f1d640985e2aee02cef69ed2c17e1c818dba6236a2ff7d47826bdf7a26f3d90e8aa348ac889579e0416370d43a',454624);
INSERT INTO _sqlx_migrations VALUES(4,'provider usage','2024-03-04 10:00:00',1,X'f44bda00dcebd036b9ff4520cd8d4381211795206e364ae366ec658b0450a9398e0ad772cd8fd6f57f324e8d801b48b1',575754);
INSERT INTO _sqlx_migrations VALUES(5,'imports','2024-03-04 10:00:00',1,X'92292e5d1511fdd8b95aeb5f62896457af1ad27b8166952af55820508fb43e1604998e0452dd4f5745537079264e95ab',3996690);
INSERT INTO _sqlx_migrations VALUES(6,'quotes','2024-03-04 10:00:00',1,X'1ced6706b6c9dd5a1d3fcf2ba067768b60a6a913a20d67b9e1abb306f5edc5aac7d94c93424a70387fa39c0955413275',1771990);
INSERT INTO _sqlx_migrations VALUES(7,'archive','2024-03-04 10:00:00',1,X'8eec4a9cd3da36fc379a3b490b88949d252c869b80cadae18b51e45b8bb60fc320c0bbb99258634a2bf3b24c74e3fe44',801830);
INSERT INTO _sqlx_migrations VALUES(8,'seals','2024-03-04 10:00:00',1,X'69c0ece9ce7ff3d0af6a0b6b6d64377caecd595eeda5273333229eb173358c3ec2d81da1ff0c6a18ab3e338dde3645a9',516677);
INSERT INTO _sqlx_migrations VALUES(9,'erasures','2024-03-04 10:00:00',1,X'96aa44f99d130b12fe8d16aee93bb77c1e3aba1316dc0d867ac6bb6e8a189f78d8a78da187f75cb3c2682af6005c8c39',2900874);
INSERT INTO _sqlx_migrations VALUES(10,'backfills','2024-03-04 10:00:00',1,X'0db7dca750b8b611c70485b9f5e7d881afbd6a0a30ac8879f8a831e194ca48789a44ebd3c091371fa0f2f085148c8d7d',626289);
INSERT INTO _sqlx_migrations VALUES(11,'boards','2024-03-04 10:00:00',1,X'219663ad28beb2b939df7dbef75216ca127fded43b08f1842c921d04302c56fa8d8e302955ecf2768fdb5c2ea3df3ebc',3611319);
INSERT INTO _sqlx_migrations VALUES(12,'batch marks','2024-03-04 10:00:00',1,X'3c8e39db6ec3c5442ab70d9fec66d24ed940276dc3e3a56fc7daf2a5f0df25ee722aaf14729042baa6c788d05a1b8a37',3997241);
INSERT INTO _sqlx_migrations VALUES(13,'market units','2024-03-04 10:00:00',1,X'd6152ff614e4475445520424840851c78a70e000e7c0cc5bd9592cd6f1c6beed0a04870bba4d68135202bce864652e53',8919456);
INSERT INTO _sqlx_migrations VALUES(14,'seeds','2024-03-04 10:00:00',1,X'1835bbd8398d55c8941a4d36a04428c97631ff7dc00f8916baeefd277fcc4329385d4cdcb741ad2ea0f50e4eb635676b',3637728);
INSERT INTO _sqlx_migrations VALUES(15,'pending orders','2024-03-04 10:00:00',1,X'e939b5d089b709170d7538ad7b6e4f1a4ff7404457404b60e5ec4870b6976e7089e72b9c3b90ef130fdfc3e332ab3554',1500697);
INSERT INTO _sqlx_migrations VALUES(16,'counted notes','2024-03-04 10:00:00',1,X'13d5042180f0be26b84e1e2079b0cfef03eb043c79082d63367ed3ed5777fbc261b7e4dd0315f1a5144ede4c517b1547',6155083);
INSERT INTO _sqlx_migrations VALUES(17,'name keys','2024-03-04 10:00:00',1,X'0679cbc22dbc66db9cec77fb5cdc25e5c16dae7fad04afd4fdf68659f555c0c93691cd7d4213c0ea8abfb184c6965017',2234976);
INSERT INTO _sqlx_migrations VALUES(18,'recovery','2024-03-04 10:00:00',1,X'f35f8c758c523f0ce8f2d92be79afc4d57f67917e2eda8778c160e12538123b73f3b5cff44eaad236c7ea705c8dfa83c',5500042);
INSERT INTO _sqlx_migrations VALUES(19,'floors','2024-03-04 10:00:00',1,X'a8b9f220873797ed20e756e04e74e202d67109ab53a67b0010ca188ded92ea064edbb4b3bbc5f133c4121b170d7539b4',3930933);
INSERT INTO _sqlx_migrations VALUES(20,'imported passwords','2024-03-04 10:00:00',1,X'4d68260fd889ac2a6c27029483c57d23011b1fe72ec9f2fe5d6bf4861e5c38cfd2df0a8d336375892ea44f2a2c2501d6',3219687);
INSERT INTO _sqlx_migrations VALUES(21,'unranked players','2024-03-04 10:00:00',1,X'149a72558ea66f569d20d756272cd8c9480965e8cf663f61019cff2686ff1f083422c4655c36b7085ef31c03cdad53fc',1533696);
CREATE TABLE users (
    user_id       INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT   NOT NULL,
    email         TEXT   NOT NULL,
    email_key     TEXT   NOT NULL UNIQUE,
    password_hash TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
, role TEXT NOT NULL DEFAULT 'player');
INSERT INTO users VALUES(1,'ada','ada@example.org','ada@example.org','$argon2id$v=19$m=19456,t=2,p=1$janVn2idCIacI3lMIWbBjA$DXdWRmmbdJAzHfEnYLYw4BLvrqHvLvJkmfOG0hUa2Ak',1709546400878568,1709546400878568,'player');
INSERT INTO users VALUES(2,'ben','ben@example.org','ben@example.org','$argon2id$v=19$m=19456,t=2,p=1$dZZ7KSs+eRlrd5YJCtDJkg$ec3XPK8RJhns1KFGgm6pDuL9g6JvywuTcbnn/oQFff0',1709546400990659,1709546400990659,'player');
INSERT INTO users VALUES(3,'cleo','cleo@example.org','cleo@example.org','$argon2id$v=19$m=19456,t=2,p=1$v+QXO+avLp+7Ai4SkyYf8A$qdtIWkaL5ZIN3RI4E9OY9WY0WM8MLI3qaYu6Ci0MX84',1709546401073502,1709546401073502,'player');
CREATE TABLE tokens (
    token_id        INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id         BIGINT NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    hash            BLOB   NOT NULL UNIQUE,
    name            TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    last_used_at    BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL
, kind TEXT NOT NULL DEFAULT 'api');
INSERT INTO tokens VALUES(1,1,X'cf89780d7081da895ab2cb5d07ed7ecf57278ac28f1a882d3dd3acf843bf43fe','login',1709546400878568,1709546400878568,1712138400878568,1741082400878568,'api');
INSERT INTO tokens VALUES(2,2,X'1270aa11bd3ef2d72a01a1b0fa67f6e2e3e7742ccefcab2089d9c38b4b8fce7a','login',1709546400990659,1709546400990659,1712138400990659,1741082400990659,'api');
INSERT INTO tokens VALUES(3,3,X'0369761ffd749f168774b3b5e3cde49797432a0cb1062cbe326b26b25c8c8256','login',1709546401073502,1709546401073502,1712138401073502,1741082401073502,'api');
CREATE TABLE games (
    game_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    code       TEXT   NOT NULL UNIQUE,
    market     TEXT   NOT NULL,
    started_at BIGINT NOT NULL
);
INSERT INTO games VALUES(1,'main','replay',1706954400579215);
CREATE TABLE players (
    player_id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id           BIGINT NOT NULL,
    game_id           BIGINT NOT NULL,
    cash              BIGINT NOT NULL CHECK (cash >= 0),
    total_xp          BIGINT NOT NULL CHECK (total_xp >= 0),
    balance_version   BIGINT NOT NULL,
    head_hash         BLOB   NOT NULL,
    head_month        BIGINT NOT NULL,
    xp_day            BIGINT NOT NULL,
    xp_day_trades     BIGINT NOT NULL,
    trades            BIGINT NOT NULL,
    notes             BIGINT NOT NULL,
    stocks_bought     BIGINT NOT NULL,
    categories_bought BIGINT NOT NULL,
    realised_profit   BIGINT NOT NULL,
    achievements      BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL, erased_at BIGINT,
    UNIQUE (user_id, game_id)
);
INSERT INTO players VALUES(1,1,1,994923,85,5,X'a535da992414f03adcf1f366df55b6322a74fc35d7f71e437e79981e2ca2a5d7',202403,19786,1,1,1,0,0,0,6,1709546466215915,NULL);
INSERT INTO players VALUES(2,2,1,996074,85,4,X'08fc9d3ce596931332ea51354a212b96e2dc47f3250f77907988ba5c6ce92fb3',202403,19786,3,3,0,1,64,-558,2,1709546466209752,NULL);
INSERT INTO players VALUES(3,3,1,1000000,0,1,X'83064bd6d561e36e0a8377a42dc9f9e0252c2e832bb241f632fb8baac82396ef',202403,0,0,0,0,0,0,0,0,1709546401073502,NULL);
CREATE TABLE stocks (
    stock_id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    symbol                   TEXT   NOT NULL UNIQUE,
    name                     TEXT   NOT NULL,
    category                 TEXT   NOT NULL,
    category_id              BIGINT NOT NULL CHECK (category_id BETWEEN 0 AND 62),
    description              TEXT   NOT NULL,
    kid_friendly_description TEXT   NOT NULL,
    fun_fact                 TEXT,
    search_text              TEXT   NOT NULL
);
INSERT INTO stocks VALUES(1,'AAPL','Apple','Tech',0,'Designs and sells the iPhone, Mac computers, tablets and watches, and the software and services that run on them.','Apple makes the iPhone, the iPad and Mac computers. It also runs the store where people get apps for them.','Apple began in 1976. Its first product was a bare circuit board: buyers added their own case, keyboard and screen.','aapl apple');
INSERT INTO stocks VALUES(2,'AMD','Advanced Micro Devices','Tech',0,'Designs processors and graphics chips for personal computers, game consoles and data centers; other companies manufacture them.','AMD designs the tiny chips that do the thinking inside computers and game consoles.','Chips designed by AMD are inside both the PlayStation 5 and the Xbox Series X.','amd advanced micro devices');
INSERT INTO stocks VALUES(3,'BAC','Bank of America','Finance',1,'One of the largest banks in the United States, with accounts, loans, cards and investment services for people and companies.','Bank of America looks after people’s money and lends money to others, for example to buy a house. For lending it charges a fee called interest.','Bank of America grew out of the Bank of Italy, which was founded in San Francisco in 1904.','bac bank of america');
INSERT INTO stocks VALUES(4,'BBY','Best Buy','Shops',2,'Retail chain that sells consumer electronics, household appliances and services for them.','Best Buy is a chain of shops that sell computers, televisions, phones and machines for the kitchen.','Best Buy began in 1966 as a shop for music equipment called Sound of Music.','bby best buy');
INSERT INTO stocks VALUES(5,'CVX','Chevron','Energy',3,'Oil and gas company that explores for, produces, refines and sells petroleum products and natural gas.','Chevron finds oil and gas under the ground and turns them into fuel for cars, trucks and planes.','Chevron goes back to the Pacific Coast Oil Company, which was founded in California in 1879.','cvx chevron');
INSERT INTO stocks VALUES(6,'GE','General Electric','Industry',4,'Industrial group known for jet engines, power equipment and medical technology. In 2023 and 2024 it was split into three companies.','General Electric built big machines, such as engines for airplanes and equipment that makes electricity.','General Electric was formed in 1892 in a merger that included the company of the inventor Thomas Edison.','ge general electric');
INSERT INTO stocks VALUES(7,'HD','Home Depot','Shops',2,'Chain of home improvement stores that sells building materials, tools, garden products and related services.','Home Depot sells wood, paint, tools and plants to people who build and repair things at home.','The first two Home Depot stores opened in Atlanta, Georgia, in 1979.','hd home depot');
INSERT INTO stocks VALUES(8,'JNJ','Johnson & Johnson','Health',5,'Develops medicines and medical devices. For most of its history it also sold consumer products such as bandages.','Johnson & Johnson makes medicines and tools for doctors. The bandage strips called Band-Aid were invented there.','An employee, Earle Dickson, invented the Band-Aid in 1920 for his wife, who often cut or burned herself while cooking.','jnj johnson & johnson');
INSERT INTO stocks VALUES(9,'JPM','JPMorgan Chase','Finance',1,'Large bank that offers consumer banking, investment banking, payments and asset management around the world.','JPMorgan Chase is a very big bank. It looks after money, lends it to people and companies, and moves payments between them.','Its oldest forerunner, the Manhattan Company, was founded in 1799 to bring water to New York City, and opened a bank as well.','jpm jpmorgan chase');
INSERT INTO stocks VALUES(10,'KO','Coca-Cola','Food',6,'Makes concentrates and syrups for soft drinks, and sells finished drinks including water, juice and coffee.','The Coca-Cola Company makes drinks such as Coke, Sprite and Fanta, which are sold in almost every country.','Coca-Cola was first served in 1886, at a pharmacy in Atlanta.','ko coca-cola');
INSERT INTO stocks VALUES(11,'LLY','Eli Lilly','Health',5,'Pharmaceutical company that discovers, makes and sells medicines, among them treatments for diabetes, cancer and immune diseases.','Eli Lilly makes medicines. One of them is insulin, which many people with diabetes need every day.','Eli Lilly has made insulin since the 1920s, when it was one of the first companies to sell it.','lly eli lilly');
INSERT INTO stocks VALUES(12,'MRK','Merck','Health',5,'Pharmaceutical company that develops and sells prescription medicines, vaccines and products for animal health.','Merck makes medicines and vaccines for people, and medicines for animals too.','Outside the United States and Canada it is called MSD, because another company, in Germany, has the name Merck there.','mrk merck');
INSERT INTO stocks VALUES(13,'MSFT','Microsoft','Tech',0,'Develops the Windows operating system, the Office programs and business software, rents out computing power through Azure and owns Xbox.','Microsoft makes Windows, which runs many computers, and the Xbox. It also owns the game Minecraft.','Bill Gates and Paul Allen started Microsoft in 1975, when Gates was 19 years old.','msft microsoft');
INSERT INTO stocks VALUES(14,'PEP','PepsiCo','Food',6,'Sells soft drinks, snacks and other foods under brands such as Pepsi, Lay’s, Doritos and Quaker.','PepsiCo makes drinks such as Pepsi and snacks such as Lay’s potato chips and Doritos.','Pepsi was first sold in 1893 under the name Brad’s Drink, after its inventor Caleb Bradham.','pep pepsico');
INSERT INTO stocks VALUES(15,'PFE','Pfizer','Health',5,'Pharmaceutical company that develops, makes and sells medicines and vaccines.','Pfizer makes medicines and vaccines. A vaccine trains the body to fight an illness before the illness comes.','Pfizer was founded in Brooklyn, New York, in 1849 by two cousins who had come from Germany.','pfe pfizer');
INSERT INTO stocks VALUES(16,'PG','Procter & Gamble','Home',7,'Makes household and personal care products, with brands such as Pampers, Tide, Gillette and Oral-B.','Procter & Gamble makes things for every day, such as soap, toothpaste, diapers and washing powder.','A candle maker and a soap maker, William Procter and James Gamble, founded the company in 1837.','pg procter & gamble');
INSERT INTO stocks VALUES(17,'RRC','Range Resources','Energy',3,'Explores for and produces natural gas, natural gas liquids and oil in the Appalachian region of the United States.','Range Resources drills deep wells to get natural gas, which people use for heating, cooking and making electricity.','Much of its gas comes from the Marcellus Shale, a layer of rock deep under Pennsylvania and its neighbors.','rrc range resources');
INSERT INTO stocks VALUES(18,'UNH','UnitedHealth Group','Health',5,'Health care company that sells health insurance and, through its Optum division, medical and pharmacy services.','UnitedHealth sells health insurance. People pay for it regularly, and when they are ill it helps to pay the doctor.','UnitedHealth joined the Dow Jones Industrial Average, a list of 30 large American companies, in 2012.','unh unitedhealth group');
INSERT INTO stocks VALUES(19,'WMT','Walmart','Shops',2,'Operates supermarkets, large general stores and online shops in the United States and other countries.','Walmart runs very large shops that sell food, clothes, toys and many other things.','Sam Walton opened the first Walmart in Rogers, Arkansas, in 1962.','wmt walmart');
INSERT INTO stocks VALUES(20,'XOM','ExxonMobil','Energy',3,'Explores for and produces oil and natural gas, and makes fuels, lubricants and chemicals.','ExxonMobil gets oil and gas out of the ground and makes fuel from them, and also the chemicals that plastics are made of.','Exxon and Mobil, which merged in 1999, had both come from Standard Oil, a company that was broken up in 1911.','xom exxonmobil');
CREATE TABLE stock_history (
    stock_id BIGINT NOT NULL,
    day      BIGINT NOT NULL,
    close    BIGINT NOT NULL CHECK (close > 0), open BIGINT, high BIGINT, low BIGINT, volume BIGINT,
    PRIMARY KEY (stock_id, day)
) WITHOUT ROWID;
CREATE TABLE holdings (
    player_id  BIGINT NOT NULL,
    stock_id   BIGINT NOT NULL,
    quantity   BIGINT NOT NULL CHECK (quantity >= 0),
    cost_basis BIGINT NOT NULL CHECK (cost_basis >= 0),
    opened_on  BIGINT NOT NULL, noted_on BIGINT,
    PRIMARY KEY (player_id, stock_id)
) WITHOUT ROWID;
INSERT INTO holdings VALUES(1,1,4000000,385,12786,NULL);
INSERT INTO holdings VALUES(1,13,2500000,4695,12786,12788);
INSERT INTO holdings VALUES(2,10,0,0,12786,NULL);
INSERT INTO holdings VALUES(2,20,1250000,3368,12788,NULL);
CREATE TABLE portfolio_audit (
    player_id        BIGINT NOT NULL,
    version          BIGINT NOT NULL,
    month            BIGINT NOT NULL,
    kind             TEXT   NOT NULL,
    stock_id         BIGINT,
    quantity         BIGINT NOT NULL,
    price            BIGINT,
    amount           BIGINT NOT NULL,
    fee              BIGINT NOT NULL CHECK (fee >= 0),
    xp_trade         BIGINT NOT NULL,
    xp_achievements  BIGINT NOT NULL,
    cash_after       BIGINT NOT NULL CHECK (cash_after >= 0),
    quantity_after   BIGINT NOT NULL CHECK (quantity_after >= 0),
    cost_basis_after BIGINT NOT NULL CHECK (cost_basis_after >= 0),
    total_xp_after   BIGINT NOT NULL,
    quote_as_of      BIGINT,
    quote_day        BIGINT,
    quote_source     TEXT,
    about_version    BIGINT,
    created_at       BIGINT NOT NULL,
    hash             BLOB   NOT NULL,
    PRIMARY KEY (player_id, version)
) WITHOUT ROWID;
INSERT INTO portfolio_audit VALUES(1,1,202403,'open',NULL,0,NULL,1000000,0,0,0,1000000,0,0,0,NULL,NULL,NULL,NULL,1709546400878568,X'5aeb7e6dd7cfb30bb4e4b7b450eb7a49fdba2366e47767ba7e74de1207926fae');
INSERT INTO portfolio_audit VALUES(1,2,202403,'buy',1,7000000,9613,-673,0,0,0,999327,7000000,673,0,1709546400000000,12786,'replay',NULL,1709546401136645,X'60b443ccb72ea3fc4820be88d7489189c91ab1491b2249653de2ca92d637891e');
INSERT INTO portfolio_audit VALUES(1,3,202403,'buy',13,2500000,187797,-4695,0,10,50,994632,2500000,4695,60,1709546400000000,12786,'replay',NULL,1709546401159815,X'e574c108e5e4741618df41fd28d51e8633f0ea19733aad08caba062228c6811e');
INSERT INTO portfolio_audit VALUES(1,4,202403,'sell',1,-3000000,9709,291,0,0,0,994923,4000000,385,60,1709546465000000,12788,'replay',NULL,1709546466203817,X'5e9e4ed77b6ad0c7d23d441df232cd52f33643b259e05c98d0f3bf12a19eaccb');
INSERT INTO portfolio_audit VALUES(1,5,202403,'note',NULL,0,NULL,0,0,0,25,994923,0,0,85,NULL,NULL,NULL,3,1709546466215915,X'a535da992414f03adcf1f366df55b6322a74fc35d7f71e437e79981e2ca2a5d7');
INSERT INTO portfolio_audit VALUES(2,1,202403,'open',NULL,0,NULL,1000000,0,0,0,1000000,0,0,0,NULL,NULL,NULL,NULL,1709546400990659,X'933a270b31018d811aa5048171d6912a8db5896dab7ceee69cfc373fe75e98be');
INSERT INTO portfolio_audit VALUES(2,2,202403,'buy',10,30000000,118780,-35634,0,10,50,964366,30000000,35634,60,1709546400000000,12786,'replay',NULL,1709546401199551,X'0595ab79901ca9d8f1aef62e1e3701f15322addbffa81a52f0fdc7ee98ba8e5a');
INSERT INTO portfolio_audit VALUES(2,3,202403,'buy',20,1250000,269418,-3368,0,10,0,960998,1250000,3368,70,1709546465000000,12788,'replay',NULL,1709546466207968,X'4aeb2269060678656da7d70d7f885d8bf14dca56abdf07d8012c776c3abbf9c7');
INSERT INTO portfolio_audit VALUES(2,4,202403,'sell',10,-30000000,116920,35076,0,15,0,996074,0,0,85,1709546465000000,12788,'replay',NULL,1709546466209752,X'08fc9d3ce596931332ea51354a212b96e2dc47f3250f77907988ba5c6ce92fb3');
INSERT INTO portfolio_audit VALUES(3,1,202403,'open',NULL,0,NULL,1000000,0,0,0,1000000,0,0,0,NULL,NULL,NULL,NULL,1709546401073502,X'83064bd6d561e36e0a8377a42dc9f9e0252c2e832bb241f632fb8baac82396ef');
CREATE TABLE trade_notes (
    player_id  BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    text       TEXT   NOT NULL,
    written_at BIGINT NOT NULL, counted BIGINT NOT NULL DEFAULT 1,
    PRIMARY KEY (player_id, version)
) WITHOUT ROWID;
INSERT INTO trade_notes VALUES(1,3,'Phones sell well before Christmas',1709546466215915,1);
CREATE TABLE idempotency (
    player_id   BIGINT NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint BLOB   NOT NULL,
    month       BIGINT,
    version     BIGINT,
    rejection   TEXT,
    request_id  TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (player_id, key)
) WITHOUT ROWID;
CREATE TABLE achievements (
    achievement_id BIGINT NOT NULL PRIMARY KEY,
    code           TEXT   NOT NULL UNIQUE,
    name           TEXT   NOT NULL,
    description    TEXT   NOT NULL,
    icon           TEXT   NOT NULL,
    xp             BIGINT NOT NULL,
    position       BIGINT NOT NULL
);
INSERT INTO achievements VALUES(1,'first_trade','First Trade','Make your first trade.','🎉',50,1);
INSERT INTO achievements VALUES(2,'first_note','Why I Did It','Write down the reason for a trade in a sentence.','📝',25,2);
INSERT INTO achievements VALUES(3,'ten_notes','Thinking Investor','Explain ten of your trades, each in words of its own.','📓',150,3);
INSERT INTO achievements VALUES(4,'three_stocks','More Than One Basket','Hold shares of three companies together through a whole market day.','🧺',75,4);
INSERT INTO achievements VALUES(5,'eight_stocks','Collector','Hold shares of eight companies together through a whole market day.','🗂️',150,5);
INSERT INTO achievements VALUES(6,'three_categories','Spread Out','Hold shares from three kinds of business through a whole market day.','🌍',100,6);
INSERT INTO achievements VALUES(7,'five_categories','Well Mixed','Hold shares from five kinds of business through a whole market day.','🎨',200,7);
INSERT INTO achievements VALUES(8,'held_month','Patient','Hold a stock for 30 days of the market’s calendar.','⏳',150,8);
INSERT INTO achievements VALUES(9,'held_half_year','Steady Hand','Hold a stock for 180 days of the market’s calendar.','🌳',300,9);
INSERT INTO achievements VALUES(10,'held_year','Long View','Hold a stock for a whole year of the market’s calendar.','🔭',500,10);
INSERT INTO achievements VALUES(11,'value_11000','Growing','Be worth a tenth more than you started with, in cash and shares, when you trade.','🌱',150,11);
INSERT INTO achievements VALUES(12,'value_15000','Half as Much Again','Be worth half as much again as you started with, when you trade.','🌻',400,12);
INSERT INTO achievements VALUES(13,'value_20000','Doubled','Be worth twice what you started with, when you trade.','🏔️',800,13);
INSERT INTO achievements VALUES(14,'profit_100','In the Green','Make a profit of 1 % of your starting cash with your sales, all together.','📈',100,14);
INSERT INTO achievements VALUES(15,'profit_1000','Well in the Green','Make a profit of a tenth of your starting cash with your sales, all together.','💰',300,15);
INSERT INTO achievements VALUES(16,'ten_trades','Getting the Hang of It','Make ten trades.','🔁',50,16);
INSERT INTO achievements VALUES(17,'level_3','Third Step','Reach level 3.','🥉',100,17);
INSERT INTO achievements VALUES(18,'level_5','Fifth Step','Reach level 5.','🥇',250,18);
CREATE TABLE player_achievements (
    player_id      BIGINT NOT NULL,
    achievement_id BIGINT NOT NULL,
    version        BIGINT NOT NULL,
    xp             BIGINT NOT NULL,
    unlocked_at    BIGINT NOT NULL,
    PRIMARY KEY (player_id, achievement_id)
) WITHOUT ROWID;
INSERT INTO player_achievements VALUES(1,1,3,50,1709546401159815);
INSERT INTO player_achievements VALUES(1,2,5,25,1709546466215915);
INSERT INTO player_achievements VALUES(2,1,2,50,1709546401199551);
CREATE TABLE preferences (
    user_id      INTEGER PRIMARY KEY REFERENCES users (user_id) ON DELETE CASCADE,
    mode         TEXT,
    language     TEXT,
    theme        TEXT,
    text_size    TEXT,
    data_saver   BIGINT CHECK (data_saver IN (0, 1)),
    hide_amounts BIGINT NOT NULL CHECK (hide_amounts IN (0, 1)),
    time_zone    TEXT,
    updated_at   BIGINT NOT NULL
);
CREATE TABLE appearances (
    player_id INTEGER PRIMARY KEY,
    shows     TEXT NOT NULL CHECK (shows IN ('name', 'pseudonym', 'hidden')),
    pseudonym TEXT,
    CHECK (shows <> 'pseudonym' OR pseudonym IS NOT NULL)
);
CREATE TABLE rewards_seen (
    player_id INTEGER PRIMARY KEY,
    version   BIGINT NOT NULL
);
CREATE TABLE watches (
    player_id  BIGINT NOT NULL,
    stock_id   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (player_id, stock_id)
) WITHOUT ROWID;
CREATE TABLE equity_snapshots (
    player_id BIGINT NOT NULL,
    day       BIGINT NOT NULL,
    value     BIGINT NOT NULL,
    cash      BIGINT NOT NULL,
    PRIMARY KEY (player_id, day)
) WITHOUT ROWID;
INSERT INTO equity_snapshots VALUES(1,12787,1000021,994632);
INSERT INTO equity_snapshots VALUES(1,19354,1103548,994923);
INSERT INTO equity_snapshots VALUES(2,12787,999496,964366);
INSERT INTO equity_snapshots VALUES(2,19354,1009402,996074);
CREATE TABLE equity_progress (
    day             INTEGER PRIMARY KEY,
    after_player_id BIGINT NOT NULL,
    done            BIGINT NOT NULL CHECK (done IN (0, 1))
);
INSERT INTO equity_progress VALUES(12787,3,1);
INSERT INTO equity_progress VALUES(19354,3,1);
CREATE TABLE leases (
    name       TEXT   NOT NULL PRIMARY KEY,
    holder     TEXT   NOT NULL,
    fence      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO leases VALUES('close_boards','24f4588ab7770239bf83d7e104d16e06',1,0);
INSERT INTO leases VALUES('seal_heads','24f4588ab7770239bf83d7e104d16e06',1,0);
CREATE TABLE provider_usage (
    provider   TEXT   NOT NULL PRIMARY KEY,
    version    BIGINT NOT NULL,
    state      TEXT   NOT NULL,
    updated_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE TABLE markets (
    market_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT   NOT NULL UNIQUE,
    exchange    TEXT   NOT NULL,
    currency    TEXT   NOT NULL,
    imported_at BIGINT NOT NULL
, tick BIGINT);
CREATE TABLE market_stocks (
    market_stock_id          INTEGER PRIMARY KEY AUTOINCREMENT,
    market_id                BIGINT NOT NULL,
    symbol                   TEXT   NOT NULL,
    name                     TEXT   NOT NULL,
    category                 TEXT   NOT NULL,
    description              TEXT   NOT NULL,
    kid_friendly_description TEXT   NOT NULL,
    fun_fact                 TEXT,
    UNIQUE (market_id, symbol)
);
CREATE TABLE market_bars (
    market_stock_id BIGINT NOT NULL,
    day             BIGINT NOT NULL,
    open            BIGINT,
    high            BIGINT,
    low             BIGINT,
    close           BIGINT NOT NULL CHECK (close > 0),
    volume          BIGINT,
    PRIMARY KEY (market_stock_id, day)
) WITHOUT ROWID;
CREATE TABLE stock_history_months (
    stock_id BIGINT NOT NULL,
    month    BIGINT NOT NULL,
    last_day BIGINT NOT NULL,
    open     BIGINT NOT NULL,
    high     BIGINT NOT NULL,
    low      BIGINT NOT NULL,
    close    BIGINT NOT NULL,
    average  BIGINT NOT NULL,
    sessions BIGINT NOT NULL,
    PRIMARY KEY (stock_id, month)
) WITHOUT ROWID;
CREATE TABLE quotes (
    stock_id       BIGINT NOT NULL PRIMARY KEY,
    price          BIGINT CHECK (price > 0),
    previous_close BIGINT,
    as_of          BIGINT,
    market_day     BIGINT,
    volume         BIGINT,
    provider       TEXT,
    tried_at       BIGINT NOT NULL,
    confirmed_at   BIGINT NOT NULL,
    changed_at     BIGINT NOT NULL
, doubted_as_of BIGINT) WITHOUT ROWID;
CREATE TABLE audit_archives (
    month         BIGINT NOT NULL PRIMARY KEY,
    state         TEXT   NOT NULL
                  CHECK (state IN ('due', 'writing', 'written', 'verified', 'dropped')),
    location      TEXT   NOT NULL,
    manifest      TEXT,
    entries       BIGINT NOT NULL,
    first_player  BIGINT,
    first_version BIGINT,
    last_player   BIGINT,
    last_version  BIGINT,
    digest        BLOB,
    held          BIGINT NOT NULL CHECK (held IN (0, 1)),
    fence         BIGINT NOT NULL,
    error         TEXT,
    updated_at    BIGINT NOT NULL
) WITHOUT ROWID;
CREATE TABLE audit_cuts (
    month  BIGINT NOT NULL PRIMARY KEY,
    reason TEXT   NOT NULL,
    cut_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE TABLE audit_heads (
    player_id BIGINT NOT NULL PRIMARY KEY,
    version   BIGINT NOT NULL,
    month     BIGINT NOT NULL,
    hash      BLOB   NOT NULL,
    cash      BIGINT NOT NULL,
    total_xp  BIGINT NOT NULL
) WITHOUT ROWID;
CREATE TABLE audit_head_holdings (
    player_id  BIGINT NOT NULL,
    stock_id   BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    quantity   BIGINT NOT NULL,
    cost_basis BIGINT NOT NULL,
    PRIMARY KEY (player_id, stock_id)
) WITHOUT ROWID;
CREATE TABLE audit_seals (
    cut_at   BIGINT NOT NULL PRIMARY KEY,
    players  BIGINT NOT NULL,
    entries  BIGINT NOT NULL,
    root     BLOB   NOT NULL,
    previous BLOB   NOT NULL UNIQUE,
    made_at  BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO audit_seals VALUES(1709546100898447,0,0,X'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',X'0000000000000000000000000000000000000000000000000000000000000000',1709546400898447);
CREATE TABLE erasures (
    user_id       BIGINT NOT NULL,
    registered_at BIGINT NOT NULL,
    erased_at     BIGINT NOT NULL,
    PRIMARY KEY (user_id, registered_at)
);
CREATE TABLE backfills (
    name       TEXT   NOT NULL PRIMARY KEY,
    up_to      BIGINT NOT NULL,
    is_done    BIGINT NOT NULL CHECK (is_done IN (0, 1)),
    updated_at BIGINT NOT NULL
);
INSERT INTO backfills VALUES('name_keys',3,0,1709546460762327);
CREATE TABLE board_closes (
    close_id INTEGER PRIMARY KEY,
    board    TEXT   NOT NULL CHECK (board IN ('xp', 'return')),
    day      BIGINT NOT NULL,
    players  BIGINT NOT NULL,
    is_done  BIGINT NOT NULL CHECK (is_done IN (0, 1)),
    made_at  BIGINT NOT NULL
);
INSERT INTO board_closes VALUES(1,'xp',19786,3,1,1709546401761480);
INSERT INTO board_closes VALUES(2,'return',19786,3,1,1709546401771736);
CREATE TABLE board_places (
    close_id  BIGINT NOT NULL,
    place     BIGINT NOT NULL,
    player_id BIGINT NOT NULL,
    PRIMARY KEY (close_id, place)
) WITHOUT ROWID;
INSERT INTO board_places VALUES(1,1,1);
INSERT INTO board_places VALUES(1,2,2);
INSERT INTO board_places VALUES(1,3,3);
INSERT INTO board_places VALUES(2,1,1);
INSERT INTO board_places VALUES(2,2,2);
INSERT INTO board_places VALUES(2,3,3);
CREATE TABLE tag_changes (
    change_id INTEGER PRIMARY KEY AUTOINCREMENT,
    tag       TEXT NOT NULL
);
INSERT INTO tag_changes VALUES(1,'stocks');
INSERT INTO tag_changes VALUES(2,'stocks');
INSERT INTO tag_changes VALUES(3,'stocks');
INSERT INTO tag_changes VALUES(4,'stocks');
INSERT INTO tag_changes VALUES(5,'stocks');
INSERT INTO tag_changes VALUES(6,'stocks');
INSERT INTO tag_changes VALUES(7,'stocks');
INSERT INTO tag_changes VALUES(8,'stocks');
INSERT INTO tag_changes VALUES(9,'stocks');
INSERT INTO tag_changes VALUES(10,'stocks');
INSERT INTO tag_changes VALUES(11,'stocks');
INSERT INTO tag_changes VALUES(12,'stocks');
INSERT INTO tag_changes VALUES(13,'stocks');
INSERT INTO tag_changes VALUES(14,'stocks');
INSERT INTO tag_changes VALUES(15,'stocks');
INSERT INTO tag_changes VALUES(16,'stocks');
INSERT INTO tag_changes VALUES(17,'stocks');
INSERT INTO tag_changes VALUES(18,'stocks');
INSERT INTO tag_changes VALUES(19,'stocks');
INSERT INTO tag_changes VALUES(20,'stocks');
CREATE TABLE batch_marks (
    made_at BIGINT NOT NULL,
    mark    BLOB   NOT NULL,
    outcome TEXT   NOT NULL CHECK (outcome IN ('committed', 'abandoned')),
    PRIMARY KEY (made_at, mark)
) WITHOUT ROWID;
CREATE TABLE batch_marks_deleted (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    made_before BIGINT NOT NULL
);
INSERT INTO batch_marks_deleted VALUES(1,0);
CREATE TABLE stock_texts (
    symbol                   TEXT NOT NULL PRIMARY KEY,
    name                     TEXT,
    category                 TEXT,
    description              TEXT,
    kid_friendly_description TEXT,
    fun_fact                 TEXT
);
CREATE TABLE price_units (
    symbol TEXT   NOT NULL PRIMARY KEY,
    places BIGINT NOT NULL CHECK (places BETWEEN 1 AND 3)
);
CREATE TABLE game_seeds (
    game_id       BIGINT NOT NULL,
    market        TEXT   NOT NULL,
    seed          TEXT,
    salt          TEXT,
    commitment    TEXT,
    first_pass    BIGINT NOT NULL,
    first_session BIGINT NOT NULL,
    made_at       BIGINT NOT NULL,
    PRIMARY KEY (game_id, market)
);
INSERT INTO game_seeds VALUES(1,'replay','487fe47074886eb94a9ec96fbd97aa98','c21e68512f0bec5c88bb1de25222b0aa','1a5ac2337b2b481e3993d958053dd6c66a6fc0d53da82de024826c3912657359',0,0,1709546400614183);
CREATE TABLE pending_orders (
    order_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    player_id   BIGINT NOT NULL,
    stock_id    BIGINT NOT NULL,
    side        TEXT   NOT NULL,
    quantity    BIGINT NOT NULL CHECK (quantity > 0),
    note        TEXT,
    client_key  TEXT,
    fingerprint BLOB   NOT NULL,
    request_id  TEXT   NOT NULL,
    accepted_at BIGINT NOT NULL,
    session_day BIGINT,
    quote_after BIGINT,
    fills_at    BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    ended_at    BIGINT,
    month       BIGINT,
    version     BIGINT,
    rejection   TEXT,
    UNIQUE (player_id, client_key)
);
CREATE TABLE note_texts (
    player_id BIGINT NOT NULL,
    text_key  BIGINT NOT NULL,
    PRIMARY KEY (player_id, text_key)
) WITHOUT ROWID;
INSERT INTO note_texts VALUES(1,-8265489568994065184);
CREATE TABLE name_keys (
    name_key     TEXT   NOT NULL PRIMARY KEY,
    user_id      BIGINT NOT NULL,
    is_pseudonym BIGINT NOT NULL CHECK (is_pseudonym IN (0, 1))
);
INSERT INTO name_keys VALUES('ada',1,0);
INSERT INTO name_keys VALUES('ben',2,0);
INSERT INTO name_keys VALUES('cieo',3,0);
INSERT INTO name_keys VALUES('cleo',3,0);
CREATE TABLE password_links (
    hash       BLOB   NOT NULL PRIMARY KEY,
    user_id    BIGINT NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE TABLE recovery_codes (
    user_id    BIGINT NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    slot       BIGINT NOT NULL,
    hash       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, slot)
);
CREATE TABLE schema_floor (
    id      BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);
INSERT INTO schema_floor VALUES(1,19);
CREATE TABLE audit_sealing (
    id           BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    sealed_until BIGINT NOT NULL
);
INSERT INTO audit_sealing VALUES(1,1709546100898447);
CREATE TABLE imported_passwords (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    bcrypt_cost BIGINT NOT NULL
);
CREATE TABLE unranked_players (
    player_id BIGINT NOT NULL PRIMARY KEY
);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('games',1);
INSERT INTO sqlite_sequence VALUES('tag_changes',20);
INSERT INTO sqlite_sequence VALUES('stocks',40);
INSERT INTO sqlite_sequence VALUES('users',3);
INSERT INTO sqlite_sequence VALUES('players',3);
INSERT INTO sqlite_sequence VALUES('tokens',3);
CREATE INDEX tokens_by_user ON tokens (user_id, token_id);
CREATE INDEX tokens_by_expiry ON tokens (expires_at);
CREATE INDEX portfolio_audit_by_time ON portfolio_audit (created_at, player_id, version);
CREATE TRIGGER portfolio_audit_is_never_updated BEFORE UPDATE ON portfolio_audit
BEGIN
    SELECT RAISE(ABORT, 'the ledger is immutable');
END;
CREATE INDEX idempotency_by_time ON idempotency (created_at);
CREATE INDEX stocks_by_category ON stocks (category, category_id);
CREATE INDEX quotes_by_try ON quotes (tried_at, stock_id);
CREATE INDEX quotes_by_change ON quotes (changed_at, stock_id);
CREATE TRIGGER portfolio_audit_is_never_deleted BEFORE DELETE ON portfolio_audit
WHEN NOT EXISTS (
    SELECT 1 FROM audit_archives a WHERE a.month = OLD.month AND a.held = 0
        AND (a.state = 'verified'
             OR EXISTS (SELECT 1 FROM audit_cuts c WHERE c.month = OLD.month))
)
BEGIN
    SELECT RAISE(ABORT, 'the ledger is immutable');
END;
CREATE TRIGGER audit_cuts_refuse_held_months BEFORE INSERT ON audit_cuts
WHEN EXISTS (SELECT 1 FROM audit_archives a WHERE a.month = NEW.month AND a.held = 1)
BEGIN
    SELECT RAISE(ABORT, 'the month is on hold');
END;
CREATE TRIGGER audit_seals_are_never_updated BEFORE UPDATE ON audit_seals
BEGIN
    SELECT RAISE(ABORT, 'the ledger is immutable');
END;
CREATE TRIGGER audit_seals_are_never_deleted BEFORE DELETE ON audit_seals
BEGIN
    SELECT RAISE(ABORT, 'the ledger is immutable');
END;
CREATE INDEX erasures_by_time ON erasures (erased_at, user_id, registered_at);
CREATE INDEX board_closes_by_board ON board_closes (board, is_done, close_id);
CREATE UNIQUE INDEX board_places_by_player ON board_places (close_id, player_id);
CREATE TRIGGER new_appearances_are_noted AFTER INSERT ON appearances
BEGIN
    INSERT INTO tag_changes (tag) VALUES ('player:' || NEW.player_id);
END;
CREATE TRIGGER changed_appearances_are_noted AFTER UPDATE ON appearances
BEGIN
    INSERT INTO tag_changes (tag) VALUES ('player:' || NEW.player_id);
END;
CREATE TRIGGER deleted_appearances_are_noted AFTER DELETE ON appearances
BEGIN
    INSERT INTO tag_changes (tag) VALUES ('player:' || OLD.player_id);
END;
CREATE TRIGGER names_are_noted AFTER UPDATE OF name ON users WHEN OLD.name <> NEW.name
BEGIN
    INSERT INTO tag_changes (tag)
    SELECT 'player:' || player_id FROM players WHERE user_id = OLD.user_id;
END;
CREATE TRIGGER leaving_users_are_noted AFTER DELETE ON users
BEGIN
    INSERT INTO tag_changes (tag)
    SELECT 'player:' || player_id FROM players WHERE user_id = OLD.user_id;
END;
CREATE TRIGGER new_stocks_are_noted AFTER INSERT ON stocks
BEGIN
    INSERT INTO tag_changes (tag) VALUES ('stocks');
END;
CREATE TRIGGER changed_stocks_are_noted AFTER UPDATE ON stocks
WHEN (OLD.name, OLD.category, OLD.description, OLD.kid_friendly_description, OLD.fun_fact)
    IS NOT (NEW.name, NEW.category, NEW.description, NEW.kid_friendly_description, NEW.fun_fact)
BEGIN
    INSERT INTO tag_changes (tag) VALUES ('stocks');
END;
CREATE INDEX pending_orders_of_player ON pending_orders (player_id, order_id);
CREATE INDEX pending_orders_open_of_player ON pending_orders (player_id)
    WHERE state IN ('pending', 'executing');
CREATE INDEX pending_orders_due ON pending_orders (fills_at, order_id)
    WHERE state IN ('pending', 'executing');
CREATE INDEX pending_orders_ended ON pending_orders (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX name_keys_by_user ON name_keys (user_id, is_pseudonym);
CREATE INDEX password_links_by_user ON password_links (user_id);
CREATE INDEX password_links_by_expiry ON password_links (expires_at);
CREATE TRIGGER erasures_are_noted AFTER DELETE ON users
BEGIN
    UPDATE players SET erased_at = COALESCE(
        (SELECT MAX(e.erased_at) FROM erasures e WHERE e.user_id = OLD.user_id), 0)
    WHERE user_id = OLD.user_id;
    INSERT INTO tag_changes (tag)
    SELECT 'erased:' || player_id FROM players WHERE user_id = OLD.user_id;
END;
COMMIT;
