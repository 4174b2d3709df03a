SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.drop_ledger_month(which bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    partition TEXT := 'portfolio_audit_' || which;
BEGIN
    PERFORM 1 FROM audit_archives a WHERE a.month = which FOR UPDATE;
    IF NOT may_delete_ledger_month(which) THEN
        RAISE EXCEPTION 'the ledger is immutable';
    END IF;
    IF to_regclass(partition) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('ALTER TABLE portfolio_audit DETACH PARTITION %I', partition);
    EXECUTE format('DROP TABLE %I', partition);
END $$;
CREATE FUNCTION public.may_delete_ledger_month(which bigint) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (
        SELECT 1 FROM audit_archives a WHERE a.month = which AND a.held = 0
            AND (a.state = 'verified'
                 OR EXISTS (SELECT 1 FROM audit_cuts c WHERE c.month = which)))
$$;
CREATE FUNCTION public.note_appearance_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO tag_changes (tag)
    VALUES ('player:' || CASE WHEN TG_OP = 'DELETE' THEN OLD.player_id ELSE NEW.player_id END);
    RETURN NULL;
END $$;
CREATE FUNCTION public.note_erasure() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE players SET erased_at = COALESCE(
        (SELECT MAX(e.erased_at) FROM erasures e WHERE e.user_id = OLD.user_id), 0)
    WHERE user_id = OLD.user_id;
    INSERT INTO tag_changes (tag)
    SELECT 'erased:' || player_id FROM players WHERE user_id = OLD.user_id;
    RETURN NULL;
END $$;
CREATE FUNCTION public.note_stock_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO tag_changes (tag) VALUES ('stocks');
    RETURN NULL;
END $$;
CREATE FUNCTION public.note_user_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO tag_changes (tag)
    SELECT 'player:' || player_id FROM players WHERE user_id = OLD.user_id;
    RETURN NULL;
END $$;
CREATE FUNCTION public.refuse_held_cut() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_archives a WHERE a.month = NEW.month AND a.held = 1) THEN
        RAISE EXCEPTION 'the month is on hold';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION public.refuse_ledger_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' THEN
        IF may_delete_ledger_month(OLD.month) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the ledger is immutable';
END $$;
CREATE FUNCTION public.refuse_seal_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is immutable';
END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE TABLE public.achievements (
    achievement_id bigint NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    icon text NOT NULL,
    xp bigint NOT NULL,
    "position" bigint NOT NULL
);
CREATE TABLE public.appearances (
    player_id bigint NOT NULL,
    shows text NOT NULL,
    pseudonym text,
    CONSTRAINT appearances_check CHECK (((shows <> 'pseudonym'::text) OR (pseudonym IS NOT NULL))),
    CONSTRAINT appearances_shows_check CHECK ((shows = ANY (ARRAY['name'::text, 'pseudonym'::text, 'hidden'::text])))
);
CREATE TABLE public.audit_archives (
    month bigint NOT NULL,
    state text NOT NULL,
    location text NOT NULL,
    manifest text,
    entries bigint NOT NULL,
    first_player bigint,
    first_version bigint,
    last_player bigint,
    last_version bigint,
    digest bytea,
    held bigint NOT NULL,
    fence bigint NOT NULL,
    error text,
    updated_at bigint NOT NULL,
    CONSTRAINT audit_archives_held_check CHECK ((held = ANY (ARRAY[(0)::bigint, (1)::bigint]))),
    CONSTRAINT audit_archives_state_check CHECK ((state = ANY (ARRAY['due'::text, 'writing'::text, 'written'::text, 'verified'::text, 'dropped'::text])))
);
CREATE TABLE public.audit_cuts (
    month bigint NOT NULL,
    reason text NOT NULL,
    cut_at bigint NOT NULL
);
CREATE TABLE public.audit_head_holdings (
    player_id bigint NOT NULL,
    stock_id bigint NOT NULL,
    version bigint NOT NULL,
    quantity bigint NOT NULL,
    cost_basis bigint NOT NULL
);
CREATE TABLE public.audit_heads (
    player_id bigint NOT NULL,
    version bigint NOT NULL,
    month bigint NOT NULL,
    hash bytea NOT NULL,
    cash bigint NOT NULL,
    total_xp bigint NOT NULL
);
CREATE TABLE public.audit_sealing (
    id bigint NOT NULL,
    sealed_until bigint NOT NULL,
    CONSTRAINT audit_sealing_id_check CHECK ((id = 1))
);
CREATE TABLE public.audit_seals (
    cut_at bigint NOT NULL,
    players bigint NOT NULL,
    entries bigint NOT NULL,
    root bytea NOT NULL,
    previous bytea NOT NULL,
    made_at bigint NOT NULL
);
CREATE TABLE public.backfills (
    name text NOT NULL,
    up_to bigint NOT NULL,
    is_done bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT backfills_is_done_check CHECK ((is_done = ANY (ARRAY[(0)::bigint, (1)::bigint])))
);
CREATE TABLE public.batch_marks (
    made_at bigint NOT NULL,
    mark bytea NOT NULL,
    outcome text NOT NULL,
    CONSTRAINT batch_marks_outcome_check CHECK ((outcome = ANY (ARRAY['committed'::text, 'abandoned'::text])))
);
CREATE TABLE public.batch_marks_deleted (
    id bigint NOT NULL,
    made_before bigint NOT NULL,
    CONSTRAINT batch_marks_deleted_id_check CHECK ((id = 1))
);
CREATE TABLE public.board_closes (
    close_id bigint NOT NULL,
    board text NOT NULL,
    day bigint NOT NULL,
    players bigint NOT NULL,
    is_done bigint NOT NULL,
    made_at bigint NOT NULL,
    CONSTRAINT board_closes_board_check CHECK ((board = ANY (ARRAY['xp'::text, 'return'::text]))),
    CONSTRAINT board_closes_is_done_check CHECK ((is_done = ANY (ARRAY[(0)::bigint, (1)::bigint])))
);
ALTER TABLE public.board_closes ALTER COLUMN close_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.board_closes_close_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.board_places (
    close_id bigint NOT NULL,
    place bigint NOT NULL,
    player_id bigint NOT NULL
);
CREATE TABLE public.equity_progress (
    day bigint NOT NULL,
    after_player_id bigint NOT NULL,
    done bigint NOT NULL,
    CONSTRAINT equity_progress_done_check CHECK ((done = ANY (ARRAY[(0)::bigint, (1)::bigint])))
);
CREATE TABLE public.equity_snapshots (
    player_id bigint NOT NULL,
    day bigint NOT NULL,
    value bigint NOT NULL,
    cash bigint NOT NULL
);
CREATE TABLE public.erasures (
    user_id bigint NOT NULL,
    registered_at bigint NOT NULL,
    erased_at bigint NOT NULL
);
CREATE TABLE public.game_seeds (
    game_id bigint NOT NULL,
    market text NOT NULL,
    seed text,
    salt text,
    commitment text,
    first_pass bigint NOT NULL,
    first_session bigint NOT NULL,
    made_at bigint NOT NULL
);
CREATE TABLE public.games (
    game_id bigint NOT NULL,
    code text NOT NULL,
    market text NOT NULL,
    started_at bigint NOT NULL
);
ALTER TABLE public.games ALTER COLUMN game_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.games_game_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.holdings (
    player_id bigint NOT NULL,
    stock_id bigint NOT NULL,
    quantity bigint NOT NULL,
    cost_basis bigint NOT NULL,
    opened_on bigint NOT NULL,
    noted_on bigint,
    CONSTRAINT holdings_cost_basis_check CHECK ((cost_basis >= 0)),
    CONSTRAINT holdings_quantity_check CHECK ((quantity >= 0))
)
WITH (fillfactor='80');
CREATE TABLE public.idempotency (
    player_id bigint NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    month bigint,
    version bigint,
    rejection text,
    request_id text NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.imported_passwords (
    id bigint NOT NULL,
    bcrypt_cost bigint NOT NULL,
    CONSTRAINT imported_passwords_id_check CHECK ((id = 1))
);
CREATE TABLE public.leases (
    name text NOT NULL,
    holder text NOT NULL,
    fence bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE TABLE public.market_bars (
    market_stock_id bigint NOT NULL,
    day bigint NOT NULL,
    open bigint,
    high bigint,
    low bigint,
    close bigint NOT NULL,
    volume bigint,
    CONSTRAINT market_bars_close_check CHECK ((close > 0))
);
CREATE TABLE public.market_stocks (
    market_stock_id bigint NOT NULL,
    market_id bigint NOT NULL,
    symbol text NOT NULL,
    name text NOT NULL,
    category text NOT NULL,
    description text NOT NULL,
    kid_friendly_description text NOT NULL,
    fun_fact text
);
ALTER TABLE public.market_stocks ALTER COLUMN market_stock_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.market_stocks_market_stock_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.markets (
    market_id bigint NOT NULL,
    name text NOT NULL,
    exchange text NOT NULL,
    currency text NOT NULL,
    imported_at bigint NOT NULL,
    tick bigint
);
ALTER TABLE public.markets ALTER COLUMN market_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.markets_market_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.name_keys (
    name_key text NOT NULL,
    user_id bigint NOT NULL,
    is_pseudonym bigint NOT NULL,
    CONSTRAINT name_keys_is_pseudonym_check CHECK ((is_pseudonym = ANY (ARRAY[(0)::bigint, (1)::bigint])))
);
CREATE TABLE public.note_texts (
    player_id bigint NOT NULL,
    text_key bigint NOT NULL
);
CREATE TABLE public.password_links (
    hash bytea NOT NULL,
    user_id bigint NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE TABLE public.pending_orders (
    order_id bigint NOT NULL,
    player_id bigint NOT NULL,
    stock_id bigint NOT NULL,
    side text NOT NULL,
    quantity bigint NOT NULL,
    note text,
    client_key text,
    fingerprint bytea NOT NULL,
    request_id text NOT NULL,
    accepted_at bigint NOT NULL,
    session_day bigint,
    quote_after bigint,
    fills_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    state text NOT NULL,
    ended_at bigint,
    month bigint,
    version bigint,
    rejection text,
    CONSTRAINT pending_orders_quantity_check CHECK ((quantity > 0))
);
ALTER TABLE public.pending_orders ALTER COLUMN order_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.pending_orders_order_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.player_achievements (
    player_id bigint NOT NULL,
    achievement_id bigint NOT NULL,
    version bigint NOT NULL,
    xp bigint NOT NULL,
    unlocked_at bigint NOT NULL
);
CREATE TABLE public.players (
    player_id bigint NOT NULL,
    user_id bigint NOT NULL,
    game_id bigint NOT NULL,
    cash bigint NOT NULL,
    total_xp bigint NOT NULL,
    balance_version bigint NOT NULL,
    head_hash bytea NOT NULL,
    head_month bigint NOT NULL,
    xp_day bigint NOT NULL,
    xp_day_trades bigint NOT NULL,
    trades bigint NOT NULL,
    notes bigint NOT NULL,
    stocks_bought bigint NOT NULL,
    categories_bought bigint NOT NULL,
    realised_profit bigint NOT NULL,
    achievements bigint NOT NULL,
    updated_at bigint NOT NULL,
    erased_at bigint,
    CONSTRAINT players_cash_check CHECK ((cash >= 0)),
    CONSTRAINT players_total_xp_check CHECK ((total_xp >= 0))
)
WITH (fillfactor='80');
ALTER TABLE public.players ALTER COLUMN player_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.players_player_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.portfolio_audit (
    player_id bigint NOT NULL,
    version bigint NOT NULL,
    month bigint NOT NULL,
    kind text NOT NULL,
    stock_id bigint,
    quantity bigint NOT NULL,
    price bigint,
    amount bigint NOT NULL,
    fee bigint NOT NULL,
    xp_trade bigint NOT NULL,
    xp_achievements bigint NOT NULL,
    cash_after bigint NOT NULL,
    quantity_after bigint NOT NULL,
    cost_basis_after bigint NOT NULL,
    total_xp_after bigint NOT NULL,
    quote_as_of bigint,
    quote_day bigint,
    quote_source text,
    about_version bigint,
    created_at bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT portfolio_audit_cash_after_check CHECK ((cash_after >= 0)),
    CONSTRAINT portfolio_audit_cost_basis_after_check CHECK ((cost_basis_after >= 0)),
    CONSTRAINT portfolio_audit_fee_check CHECK ((fee >= 0)),
    CONSTRAINT portfolio_audit_quantity_after_check CHECK ((quantity_after >= 0))
)
PARTITION BY LIST (month);
CREATE TABLE public.portfolio_audit_202403 (
    player_id bigint NOT NULL,
    version bigint NOT NULL,
    month bigint NOT NULL,
    kind text NOT NULL,
    stock_id bigint,
    quantity bigint NOT NULL,
    price bigint,
    amount bigint NOT NULL,
    fee bigint NOT NULL,
    xp_trade bigint NOT NULL,
    xp_achievements bigint NOT NULL,
    cash_after bigint NOT NULL,
    quantity_after bigint NOT NULL,
    cost_basis_after bigint NOT NULL,
    total_xp_after bigint NOT NULL,
    quote_as_of bigint,
    quote_day bigint,
    quote_source text,
    about_version bigint,
    created_at bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT portfolio_audit_cash_after_check CHECK ((cash_after >= 0)),
    CONSTRAINT portfolio_audit_cost_basis_after_check CHECK ((cost_basis_after >= 0)),
    CONSTRAINT portfolio_audit_fee_check CHECK ((fee >= 0)),
    CONSTRAINT portfolio_audit_quantity_after_check CHECK ((quantity_after >= 0))
);
CREATE TABLE public.portfolio_audit_202404 (
    player_id bigint NOT NULL,
    version bigint NOT NULL,
    month bigint NOT NULL,
    kind text NOT NULL,
    stock_id bigint,
    quantity bigint NOT NULL,
    price bigint,
    amount bigint NOT NULL,
    fee bigint NOT NULL,
    xp_trade bigint NOT NULL,
    xp_achievements bigint NOT NULL,
    cash_after bigint NOT NULL,
    quantity_after bigint NOT NULL,
    cost_basis_after bigint NOT NULL,
    total_xp_after bigint NOT NULL,
    quote_as_of bigint,
    quote_day bigint,
    quote_source text,
    about_version bigint,
    created_at bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT portfolio_audit_cash_after_check CHECK ((cash_after >= 0)),
    CONSTRAINT portfolio_audit_cost_basis_after_check CHECK ((cost_basis_after >= 0)),
    CONSTRAINT portfolio_audit_fee_check CHECK ((fee >= 0)),
    CONSTRAINT portfolio_audit_quantity_after_check CHECK ((quantity_after >= 0))
);
CREATE TABLE public.portfolio_audit_202405 (
    player_id bigint NOT NULL,
    version bigint NOT NULL,
    month bigint NOT NULL,
    kind text NOT NULL,
    stock_id bigint,
    quantity bigint NOT NULL,
    price bigint,
    amount bigint NOT NULL,
    fee bigint NOT NULL,
    xp_trade bigint NOT NULL,
    xp_achievements bigint NOT NULL,
    cash_after bigint NOT NULL,
    quantity_after bigint NOT NULL,
    cost_basis_after bigint NOT NULL,
    total_xp_after bigint NOT NULL,
    quote_as_of bigint,
    quote_day bigint,
    quote_source text,
    about_version bigint,
    created_at bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT portfolio_audit_cash_after_check CHECK ((cash_after >= 0)),
    CONSTRAINT portfolio_audit_cost_basis_after_check CHECK ((cost_basis_after >= 0)),
    CONSTRAINT portfolio_audit_fee_check CHECK ((fee >= 0)),
    CONSTRAINT portfolio_audit_quantity_after_check CHECK ((quantity_after >= 0))
);
CREATE TABLE public.portfolio_audit_202406 (
    player_id bigint NOT NULL,
    version bigint NOT NULL,
    month bigint NOT NULL,
    kind text NOT NULL,
    stock_id bigint,
    quantity bigint NOT NULL,
    price bigint,
    amount bigint NOT NULL,
    fee bigint NOT NULL,
    xp_trade bigint NOT NULL,
    xp_achievements bigint NOT NULL,
    cash_after bigint NOT NULL,
    quantity_after bigint NOT NULL,
    cost_basis_after bigint NOT NULL,
    total_xp_after bigint NOT NULL,
    quote_as_of bigint,
    quote_day bigint,
    quote_source text,
    about_version bigint,
    created_at bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT portfolio_audit_cash_after_check CHECK ((cash_after >= 0)),
    CONSTRAINT portfolio_audit_cost_basis_after_check CHECK ((cost_basis_after >= 0)),
    CONSTRAINT portfolio_audit_fee_check CHECK ((fee >= 0)),
    CONSTRAINT portfolio_audit_quantity_after_check CHECK ((quantity_after >= 0))
);
CREATE TABLE public.preferences (
    user_id bigint NOT NULL,
    mode text,
    language text,
    theme text,
    text_size text,
    data_saver bigint,
    hide_amounts bigint NOT NULL,
    time_zone text,
    updated_at bigint NOT NULL,
    CONSTRAINT preferences_data_saver_check CHECK ((data_saver = ANY (ARRAY[(0)::bigint, (1)::bigint]))),
    CONSTRAINT preferences_hide_amounts_check CHECK ((hide_amounts = ANY (ARRAY[(0)::bigint, (1)::bigint])))
);
CREATE TABLE public.price_units (
    symbol text NOT NULL,
    places bigint NOT NULL,
    CONSTRAINT price_units_places_check CHECK (((places >= 1) AND (places <= 3)))
);
CREATE TABLE public.provider_usage (
    provider text NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    updated_at bigint NOT NULL
);
CREATE TABLE public.quotes (
    stock_id bigint NOT NULL,
    price bigint,
    previous_close bigint,
    as_of bigint,
    market_day bigint,
    volume bigint,
    provider text,
    tried_at bigint NOT NULL,
    confirmed_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    doubted_as_of bigint,
    CONSTRAINT quotes_price_check CHECK ((price > 0))
);
CREATE TABLE public.recovery_codes (
    user_id bigint NOT NULL,
    slot bigint NOT NULL,
    hash text NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.rewards_seen (
    player_id bigint NOT NULL,
    version bigint NOT NULL
);
CREATE TABLE public.schema_floor (
    id bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT schema_floor_id_check CHECK ((id = 1))
);
CREATE TABLE public.stock_history (
    stock_id bigint NOT NULL,
    day bigint NOT NULL,
    close bigint NOT NULL,
    open bigint,
    high bigint,
    low bigint,
    volume bigint,
    CONSTRAINT stock_history_close_check CHECK ((close > 0))
);
CREATE TABLE public.stock_history_months (
    stock_id bigint NOT NULL,
    month bigint NOT NULL,
    last_day bigint NOT NULL,
    open bigint NOT NULL,
    high bigint NOT NULL,
    low bigint NOT NULL,
    close bigint NOT NULL,
    average bigint NOT NULL,
    sessions bigint NOT NULL
);
CREATE TABLE public.stock_texts (
    symbol text NOT NULL,
    name text,
    category text,
    description text,
    kid_friendly_description text,
    fun_fact text
);
CREATE TABLE public.stocks (
    stock_id bigint NOT NULL,
    symbol text NOT NULL,
    name text NOT NULL,
    category text NOT NULL,
    category_id bigint NOT NULL,
    description text NOT NULL,
    kid_friendly_description text NOT NULL,
    fun_fact text,
    search_text text NOT NULL,
    CONSTRAINT stocks_category_id_check CHECK (((category_id >= 0) AND (category_id <= 62)))
);
ALTER TABLE public.stocks ALTER COLUMN stock_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.stocks_stock_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.tag_changes (
    change_id bigint NOT NULL,
    tag text NOT NULL
);
ALTER TABLE public.tag_changes ALTER COLUMN change_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tag_changes_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.tokens (
    token_id bigint NOT NULL,
    user_id bigint NOT NULL,
    hash bytea NOT NULL,
    name text NOT NULL,
    created_at bigint NOT NULL,
    last_used_at bigint NOT NULL,
    idle_expires_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    kind text DEFAULT 'api'::text NOT NULL
);
ALTER TABLE public.tokens ALTER COLUMN token_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tokens_token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.trade_notes (
    player_id bigint NOT NULL,
    version bigint NOT NULL,
    text text NOT NULL,
    written_at bigint NOT NULL,
    counted bigint DEFAULT 1 NOT NULL
);
CREATE TABLE public.unranked_players (
    player_id bigint NOT NULL
);
CREATE TABLE public.users (
    user_id bigint NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    password_hash text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    role text DEFAULT 'player'::text NOT NULL
);
ALTER TABLE public.users ALTER COLUMN user_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.users_user_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.watches (
    player_id bigint NOT NULL,
    stock_id bigint NOT NULL,
    created_at bigint NOT NULL
);
ALTER TABLE ONLY public.portfolio_audit ATTACH PARTITION public.portfolio_audit_202403 FOR VALUES IN ('202403');
ALTER TABLE ONLY public.portfolio_audit ATTACH PARTITION public.portfolio_audit_202404 FOR VALUES IN ('202404');
ALTER TABLE ONLY public.portfolio_audit ATTACH PARTITION public.portfolio_audit_202405 FOR VALUES IN ('202405');
ALTER TABLE ONLY public.portfolio_audit ATTACH PARTITION public.portfolio_audit_202406 FOR VALUES IN ('202406');
INSERT INTO public._sqlx_migrations VALUES (1, 'foundation', '2026-12-01 01:02:03.179042+00', true, '\x0f877ee1f03664b25fe3a58d785a660c9bc16495cc7fde8901bd792a9c9a3e83d3c327bb02d3df05266b4ff579108c36', 146563588);
INSERT INTO public._sqlx_migrations VALUES (2, 'pages', '2026-12-01 01:02:03.326327+00', true, '\xa37bc4b567d728444b74f7d2352a271692508db2b32d4daf9081cd97011dac51ea3d935cda689336307c8cd9d2c255ca', 26143435);
INSERT INTO public._sqlx_migrations VALUES (3, 'leases', '2026-12-01 01:02:03.354383+00', true, '\x41f263cf1608a70cbc056b58d32736b9bbde8374d9a14ab6fea4d4c01c915a0dd8e796403566f8d0bc94b10befaf4621', 8100431);
INSERT INTO public._sqlx_migrations VALUES (4, 'provider usage', '2026-12-01 01:02:03.363633+00', true, '\x8bbcbd50a8dd33fffdf3ae7d00f72436e0218aa5f23d077bbc97ac05edc8dc72e060e8cdc14f7081abba22ab0543bcaa', 14770738);
INSERT INTO public._sqlx_migrations VALUES (5, 'imports', '2026-12-01 01:02:03.380534+00', true, '\xfb9a80890d631b02a9dbc5c6744b2780d39473ee858dfafc991bd97e76d391de10644fd0dc602230b64bbec8e0932082', 60113684);
INSERT INTO public._sqlx_migrations VALUES (6, 'quotes', '2026-12-01 01:02:03.441612+00', true, '\xb152ad3447f883838b098b595b56fb602d6441240d10f1d02d521db249b490780db4644136738025c4107bc39ce79692', 38835910);
INSERT INTO public._sqlx_migrations VALUES (7, 'archive', '2026-12-01 01:02:03.482315+00', true, '\x1e70d4fcc1ff036c0086ed86db8317723285a2da165f6358cbcfeb903b7fddfb10c162754052ab142bcb271825d13007', 22558656);
INSERT INTO public._sqlx_migrations VALUES (8, 'seals', '2026-12-01 01:02:03.505006+00', true, '\xed77e700eb0aaa28c96b0e85d8d916e84a2d25202c9a97c5a102f8241a393ce983b6d683624cc7d247b58ccfacff7d8d', 18421265);
INSERT INTO public._sqlx_migrations VALUES (9, 'erasures', '2026-12-01 01:02:03.525296+00', true, '\x96aa44f99d130b12fe8d16aee93bb77c1e3aba1316dc0d867ac6bb6e8a189f78d8a78da187f75cb3c2682af6005c8c39', 11233860);
INSERT INTO public._sqlx_migrations VALUES (10, 'backfills', '2026-12-01 01:02:03.53736+00', true, '\x0db7dca750b8b611c70485b9f5e7d881afbd6a0a30ac8879f8a831e194ca48789a44ebd3c091371fa0f2f085148c8d7d', 13658288);
INSERT INTO public._sqlx_migrations VALUES (11, 'boards', '2026-12-01 01:02:03.551833+00', true, '\x4f2472cec6d30aa45880495e4f945a5bdbded50f35b7210f6898e8fb35dc15890b18a59e2fc9576338e40febf33ed700', 20540390);
INSERT INTO public._sqlx_migrations VALUES (12, 'batch marks', '2026-12-01 01:02:03.574357+00', true, '\xdad2f9df39cca2b48db7614f8c7836b4c4783315db8699a8c80b0a740c974f42828c808a31235c8da277fa1f8794ff39', 17415133);
INSERT INTO public._sqlx_migrations VALUES (13, 'market units', '2026-12-01 01:02:03.592471+00', true, '\x0d728b3860dcf2711e5bb71cd010ca91659e958b859d3976fb442e9b778b7ddd8278e9ce1c92a841234685ef733bbcf9', 16070187);
INSERT INTO public._sqlx_migrations VALUES (14, 'seeds', '2026-12-01 01:02:03.608821+00', true, '\x1835bbd8398d55c8941a4d36a04428c97631ff7dc00f8916baeefd277fcc4329385d4cdcb741ad2ea0f50e4eb635676b', 15928657);
INSERT INTO public._sqlx_migrations VALUES (15, 'pending orders', '2026-12-01 01:02:03.625958+00', true, '\xb126c28599bc49ba1a1ce14477b52d8e0493e388cfd2b82fc7586a5f17c55185926cc4211b5e076f6307a88878e1fb16', 15340895);
INSERT INTO public._sqlx_migrations VALUES (16, 'counted notes', '2026-12-01 01:02:03.642457+00', true, '\xfd46694bfa2f24c42dd108686f75aa1c0accdfd72c9b2d0b5f06b360bcc8eedff2bee30088473fe794294c3b7133147a', 2653247);
INSERT INTO public._sqlx_migrations VALUES (17, 'name keys', '2026-12-01 01:02:03.64634+00', true, '\x41e78e4d73cf9a2a55871db8c71557656b94f77e64020d50062a14c19c7ff90bb88cbd7175f32f0619aab8898ca02392', 9766984);
INSERT INTO public._sqlx_migrations VALUES (18, 'recovery', '2026-12-01 01:02:03.658282+00', true, '\x83bc085cbd8bbae7c1df5069a9feac1155cd5bcad26dfca64398ca193e6e2c7a7b2aed2536754c7394863c8721599387', 13028313);
INSERT INTO public._sqlx_migrations VALUES (19, 'floors', '2026-12-01 01:02:03.672333+00', true, '\x906ccc7837218b0b2a40e4a14e5347ebf1be68811358489f6bc173790677ef28e0b7c97e4f7c7b50ac8d0320b799e751', 18006450);
INSERT INTO public._sqlx_migrations VALUES (20, 'imported passwords', '2026-12-01 01:02:03.690598+00', true, '\xecc3df6f7c39f9b65eeaf68f8df379d9a41b008a820a297c4df97503b257d887eff5d87d44ba33a4c2f412e4d2039f4f', 1957855);
INSERT INTO public._sqlx_migrations VALUES (21, 'unranked players', '2026-12-01 01:02:03.693539+00', true, '\xebbc1113b084bb0a65ece6ff74b5dd878752cd0c643d29ffc75e8fe0fc5c6f5d4fa21b58adafef6b8decb1bb1d865bb4', 5085597);
INSERT INTO public.achievements VALUES (1, 'first_trade', 'First Trade', 'Make your first trade.', '🎉', 50, 1);
INSERT INTO public.achievements VALUES (2, 'first_note', 'Why I Did It', 'Write down the reason for a trade in a sentence.', '📝', 25, 2);
INSERT INTO public.achievements VALUES (3, 'ten_notes', 'Thinking Investor', 'Explain ten of your trades, each in words of its own.', '📓', 150, 3);
INSERT INTO public.achievements VALUES (4, 'three_stocks', 'More Than One Basket', 'Hold shares of three companies together through a whole market day.', '🧺', 75, 4);
INSERT INTO public.achievements VALUES (5, 'eight_stocks', 'Collector', 'Hold shares of eight companies together through a whole market day.', '🗂️', 150, 5);
INSERT INTO public.achievements VALUES (6, 'three_categories', 'Spread Out', 'Hold shares from three kinds of business through a whole market day.', '🌍', 100, 6);
INSERT INTO public.achievements VALUES (7, 'five_categories', 'Well Mixed', 'Hold shares from five kinds of business through a whole market day.', '🎨', 200, 7);
INSERT INTO public.achievements VALUES (8, 'held_month', 'Patient', 'Hold a stock for 30 days of the market’s calendar.', '⏳', 150, 8);
INSERT INTO public.achievements VALUES (9, 'held_half_year', 'Steady Hand', 'Hold a stock for 180 days of the market’s calendar.', '🌳', 300, 9);
INSERT INTO public.achievements VALUES (10, 'held_year', 'Long View', 'Hold a stock for a whole year of the market’s calendar.', '🔭', 500, 10);
INSERT INTO public.achievements VALUES (11, 'value_11000', 'Growing', 'Be worth a tenth more than you started with, in cash and shares, when you trade.', '🌱', 150, 11);
INSERT INTO public.achievements VALUES (12, 'value_15000', 'Half as Much Again', 'Be worth half as much again as you started with, when you trade.', '🌻', 400, 12);
INSERT INTO public.achievements VALUES (13, 'value_20000', 'Doubled', 'Be worth twice what you started with, when you trade.', '🏔️', 800, 13);
INSERT INTO public.achievements VALUES (14, 'profit_100', 'In the Green', 'Make a profit of 1 % of your starting cash with your sales, all together.', '📈', 100, 14);
INSERT INTO public.achievements VALUES (15, 'profit_1000', 'Well in the Green', 'Make a profit of a tenth of your starting cash with your sales, all together.', '💰', 300, 15);
INSERT INTO public.achievements VALUES (16, 'ten_trades', 'Getting the Hang of It', 'Make ten trades.', '🔁', 50, 16);
INSERT INTO public.achievements VALUES (17, 'level_3', 'Third Step', 'Reach level 3.', '🥉', 100, 17);
INSERT INTO public.achievements VALUES (18, 'level_5', 'Fifth Step', 'Reach level 5.', '🥇', 250, 18);
INSERT INTO public.audit_sealing VALUES (1, 1709546101747926);
INSERT INTO public.audit_seals VALUES (1709546101747926, 0, 0, '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '\x0000000000000000000000000000000000000000000000000000000000000000', 1709546401747926);
INSERT INTO public.backfills VALUES ('name_keys', 3, 0, 1709546461674990);
INSERT INTO public.batch_marks VALUES (1709546402186965, '\x81efe4b5e9ab8838fe2ff338ae2db076', 'committed');
INSERT INTO public.batch_marks VALUES (1709546402230557, '\xac3932b496f93d959c40d0a118f82462', 'committed');
INSERT INTO public.batch_marks VALUES (1709546402254026, '\x7e87d83b42d9d5dc806bbb54093597f4', 'committed');
INSERT INTO public.batch_marks VALUES (1709546467277292, '\xfe3d594be9903a7054b9d702cf7823d3', 'committed');
INSERT INTO public.batch_marks VALUES (1709546467288719, '\x234e4686119b40c4ca720ad7d12c8bee', 'committed');
INSERT INTO public.batch_marks VALUES (1709546467298705, '\xc16f4d67c0fd776bcfcd34bfb34706b4', 'committed');
INSERT INTO public.batch_marks VALUES (1709546467308070, '\xaa5182923bdd518e30aabfd0f79674e1', 'committed');
INSERT INTO public.batch_marks_deleted VALUES (1, 1709545562674441);
INSERT INTO public.board_closes VALUES (1, 'xp', 19786, 3, 1, 1709546402674889);
INSERT INTO public.board_closes VALUES (2, 'return', 19786, 3, 1, 1709546402747991);
INSERT INTO public.board_places VALUES (1, 1, 1);
INSERT INTO public.board_places VALUES (1, 2, 2);
INSERT INTO public.board_places VALUES (1, 3, 3);
INSERT INTO public.board_places VALUES (2, 1, 1);
INSERT INTO public.board_places VALUES (2, 2, 2);
INSERT INTO public.board_places VALUES (2, 3, 3);
INSERT INTO public.equity_progress VALUES (12787, 3, 1);
INSERT INTO public.equity_progress VALUES (19354, 3, 1);
INSERT INTO public.equity_progress VALUES (19353, 3, 1);
INSERT INTO public.equity_progress VALUES (19349, 3, 1);
INSERT INTO public.equity_progress VALUES (19348, 3, 1);
INSERT INTO public.equity_snapshots VALUES (1, 12787, 1000014, 994625);
INSERT INTO public.equity_snapshots VALUES (2, 12787, 999586, 964456);
INSERT INTO public.equity_snapshots VALUES (1, 19354, 1103541, 994916);
INSERT INTO public.equity_snapshots VALUES (2, 19354, 1009493, 996165);
INSERT INTO public.game_seeds VALUES (1, 'replay', 'cb9d8ab0efdc147d720df97d8a7574e9', '43f647c25c3e53e9af30aa56c5593850', '790d24072cd62bde7a8e77c7be60ce2ffc72aeef871315815a57c558f50eee81', 0, 0, 1709546400811397);
INSERT INTO public.games VALUES (1, 'main', 'replay', 1706954400700818);
INSERT INTO public.holdings VALUES (1, 1, 4000000, 386, 12787, NULL);
INSERT INTO public.holdings VALUES (2, 20, 1250000, 3367, 12788, NULL);
INSERT INTO public.holdings VALUES (2, 10, 0, 0, 12787, NULL);
INSERT INTO public.holdings VALUES (1, 13, 2500000, 4700, 12787, 12788);
INSERT INTO public.leases VALUES ('seal_heads', '2fe399d49445b5c6e3e9bd83a16fb4ee', 1, 0);
INSERT INTO public.leases VALUES ('close_boards', '2fe399d49445b5c6e3e9bd83a16fb4ee', 1, 0);
INSERT INTO public.name_keys VALUES ('ada', 1, 0);
INSERT INTO public.name_keys VALUES ('ben', 2, 0);
INSERT INTO public.name_keys VALUES ('cieo', 3, 0);
INSERT INTO public.name_keys VALUES ('cleo', 3, 0);
INSERT INTO public.note_texts VALUES (1, -8265489568994065184);
INSERT INTO public.player_achievements VALUES (1, 1, 3, 50, 1709546402230557);
INSERT INTO public.player_achievements VALUES (2, 1, 2, 50, 1709546402254026);
INSERT INTO public.player_achievements VALUES (1, 2, 5, 25, 1709546467308070);
INSERT INTO public.players VALUES (3, 3, 1, 1000000, 0, 1, '\x86bd7962a579e9b24f885e4ef31a846f191bb4d0a1f39bb2598c986105de8384', 202403, 0, 0, 0, 0, 0, 0, 0, 0, 1709546402130353, NULL);
INSERT INTO public.players VALUES (2, 2, 1, 996165, 85, 4, '\xcaeb37e23add287b6e20539f1cfab8380bf6813c42df95243f6a837839cc79fd', 202403, 19786, 3, 3, 0, 0, 0, -468, 2, 1709546467298705, NULL);
INSERT INTO public.players VALUES (1, 1, 1, 994916, 85, 5, '\xa952ab831fb9a1150600436065e6fe136b60691d2169b413e4799d53826e5731', 202403, 19786, 1, 1, 1, 0, 0, 0, 6, 1709546467308070, NULL);
INSERT INTO public.portfolio_audit_202403 VALUES (1, 1, 202403, 'open', NULL, 0, NULL, 1000000, 0, 0, 0, 1000000, 0, 0, 0, NULL, NULL, NULL, NULL, 1709546401869197, '\x193d1e72ad8df464b0161b25b97c4b2d791721b3ad35961c48c33819d395c72d');
INSERT INTO public.portfolio_audit_202403 VALUES (2, 1, 202403, 'open', NULL, 0, NULL, 1000000, 0, 0, 0, 1000000, 0, 0, 0, NULL, NULL, NULL, NULL, 1709546402042560, '\xb3e219b1721ab4540581236379483d03ecfab46855c418f328ada2c391de988a');
INSERT INTO public.portfolio_audit_202403 VALUES (3, 1, 202403, 'open', NULL, 0, NULL, 1000000, 0, 0, 0, 1000000, 0, 0, 0, NULL, NULL, NULL, NULL, 1709546402130353, '\x86bd7962a579e9b24f885e4ef31a846f191bb4d0a1f39bb2598c986105de8384');
INSERT INTO public.portfolio_audit_202403 VALUES (1, 2, 202403, 'buy', 1, 7000000, 9629, -675, 0, 0, 0, 999325, 7000000, 675, 0, 1709546401000000, 12787, 'replay', NULL, 1709546402186965, '\x10304f5138b38e5cba2ed25c7b4a129459602acbfd884534fb23ea9138ef21de');
INSERT INTO public.portfolio_audit_202403 VALUES (1, 3, 202403, 'buy', 13, 2500000, 187997, -4700, 0, 10, 50, 994625, 2500000, 4700, 60, 1709546401000000, 12787, 'replay', NULL, 1709546402230557, '\x53c79df02ff1967a1f893a293b81c32d0aec28ba8924108ea049eb5d88733f38');
INSERT INTO public.portfolio_audit_202403 VALUES (2, 2, 202403, 'buy', 10, 30000000, 118480, -35544, 0, 10, 50, 964456, 30000000, 35544, 60, 1709546401000000, 12787, 'replay', NULL, 1709546402254026, '\x3aa3adbe7bce9c047091cf4904ef66a57663f089517244456bae62fca62d59e1');
INSERT INTO public.portfolio_audit_202403 VALUES (1, 4, 202403, 'sell', 1, -3000000, 9718, 291, 0, 0, 0, 994916, 4000000, 386, 60, 1709546466000000, 12788, 'replay', NULL, 1709546467277292, '\xc21cd536bde1c1cb4a8bb90cb43a4149a060571d585bc5b273aebcffb01cedd7');
INSERT INTO public.portfolio_audit_202403 VALUES (2, 3, 202403, 'buy', 20, 1250000, 269318, -3367, 0, 10, 0, 961089, 1250000, 3367, 70, 1709546466000000, 12788, 'replay', NULL, 1709546467288719, '\x5173d037b84ec98e78c6ae337354d3927134c873081d341c6c5a7ab673bd08d7');
INSERT INTO public.portfolio_audit_202403 VALUES (2, 4, 202403, 'sell', 10, -30000000, 116920, 35076, 0, 15, 0, 996165, 0, 0, 85, 1709546466000000, 12788, 'replay', NULL, 1709546467298705, '\xcaeb37e23add287b6e20539f1cfab8380bf6813c42df95243f6a837839cc79fd');
INSERT INTO public.portfolio_audit_202403 VALUES (1, 5, 202403, 'note', NULL, 0, NULL, 0, 0, 0, 25, 994916, 0, 0, 85, NULL, NULL, NULL, 3, 1709546467308070, '\xa952ab831fb9a1150600436065e6fe136b60691d2169b413e4799d53826e5731');
INSERT INTO public.schema_floor VALUES (1, 19);
INSERT INTO public.stocks VALUES (1, 'AAPL', 'Apple', 'Tech', 0, 'Designs and sells the iPhone, Mac computers, tablets and watches, and the software and services that run on them.', 'Apple makes the iPhone, the iPad and Mac computers. It also runs the store where people get apps for them.', 'Apple began in 1976. Its first product was a bare circuit board: buyers added their own case, keyboard and screen.', 'aapl apple');
INSERT INTO public.stocks VALUES (2, 'AMD', 'Advanced Micro Devices', 'Tech', 0, 'Designs processors and graphics chips for personal computers, game consoles and data centers; other companies manufacture them.', 'AMD designs the tiny chips that do the thinking inside computers and game consoles.', 'Chips designed by AMD are inside both the PlayStation 5 and the Xbox Series X.', 'amd advanced micro devices');
INSERT INTO public.stocks VALUES (3, 'BAC', 'Bank of America', 'Finance', 1, 'One of the largest banks in the United States, with accounts, loans, cards and investment services for people and companies.', 'Bank of America looks after people’s money and lends money to others, for example to buy a house. For lending it charges a fee called interest.', 'Bank of America grew out of the Bank of Italy, which was founded in San Francisco in 1904.', 'bac bank of america');
INSERT INTO public.stocks VALUES (4, 'BBY', 'Best Buy', 'Shops', 2, 'Retail chain that sells consumer electronics, household appliances and services for them.', 'Best Buy is a chain of shops that sell computers, televisions, phones and machines for the kitchen.', 'Best Buy began in 1966 as a shop for music equipment called Sound of Music.', 'bby best buy');
INSERT INTO public.stocks VALUES (5, 'CVX', 'Chevron', 'Energy', 3, 'Oil and gas company that explores for, produces, refines and sells petroleum products and natural gas.', 'Chevron finds oil and gas under the ground and turns them into fuel for cars, trucks and planes.', 'Chevron goes back to the Pacific Coast Oil Company, which was founded in California in 1879.', 'cvx chevron');
INSERT INTO public.stocks VALUES (6, 'GE', 'General Electric', 'Industry', 4, 'Industrial group known for jet engines, power equipment and medical technology. In 2023 and 2024 it was split into three companies.', 'General Electric built big machines, such as engines for airplanes and equipment that makes electricity.', 'General Electric was formed in 1892 in a merger that included the company of the inventor Thomas Edison.', 'ge general electric');
INSERT INTO public.stocks VALUES (7, 'HD', 'Home Depot', 'Shops', 2, 'Chain of home improvement stores that sells building materials, tools, garden products and related services.', 'Home Depot sells wood, paint, tools and plants to people who build and repair things at home.', 'The first two Home Depot stores opened in Atlanta, Georgia, in 1979.', 'hd home depot');
INSERT INTO public.stocks VALUES (8, 'JNJ', 'Johnson & Johnson', 'Health', 5, 'Develops medicines and medical devices. For most of its history it also sold consumer products such as bandages.', 'Johnson & Johnson makes medicines and tools for doctors. The bandage strips called Band-Aid were invented there.', 'An employee, Earle Dickson, invented the Band-Aid in 1920 for his wife, who often cut or burned herself while cooking.', 'jnj johnson & johnson');
INSERT INTO public.stocks VALUES (9, 'JPM', 'JPMorgan Chase', 'Finance', 1, 'Large bank that offers consumer banking, investment banking, payments and asset management around the world.', 'JPMorgan Chase is a very big bank. It looks after money, lends it to people and companies, and moves payments between them.', 'Its oldest forerunner, the Manhattan Company, was founded in 1799 to bring water to New York City, and opened a bank as well.', 'jpm jpmorgan chase');
INSERT INTO public.stocks VALUES (10, 'KO', 'Coca-Cola', 'Food', 6, 'Makes concentrates and syrups for soft drinks, and sells finished drinks including water, juice and coffee.', 'The Coca-Cola Company makes drinks such as Coke, Sprite and Fanta, which are sold in almost every country.', 'Coca-Cola was first served in 1886, at a pharmacy in Atlanta.', 'ko coca-cola');
INSERT INTO public.stocks VALUES (11, 'LLY', 'Eli Lilly', 'Health', 5, 'Pharmaceutical company that discovers, makes and sells medicines, among them treatments for diabetes, cancer and immune diseases.', 'Eli Lilly makes medicines. One of them is insulin, which many people with diabetes need every day.', 'Eli Lilly has made insulin since the 1920s, when it was one of the first companies to sell it.', 'lly eli lilly');
INSERT INTO public.stocks VALUES (12, 'MRK', 'Merck', 'Health', 5, 'Pharmaceutical company that develops and sells prescription medicines, vaccines and products for animal health.', 'Merck makes medicines and vaccines for people, and medicines for animals too.', 'Outside the United States and Canada it is called MSD, because another company, in Germany, has the name Merck there.', 'mrk merck');
INSERT INTO public.stocks VALUES (13, 'MSFT', 'Microsoft', 'Tech', 0, 'Develops the Windows operating system, the Office programs and business software, rents out computing power through Azure and owns Xbox.', 'Microsoft makes Windows, which runs many computers, and the Xbox. It also owns the game Minecraft.', 'Bill Gates and Paul Allen started Microsoft in 1975, when Gates was 19 years old.', 'msft microsoft');
INSERT INTO public.stocks VALUES (14, 'PEP', 'PepsiCo', 'Food', 6, 'Sells soft drinks, snacks and other foods under brands such as Pepsi, Lay’s, Doritos and Quaker.', 'PepsiCo makes drinks such as Pepsi and snacks such as Lay’s potato chips and Doritos.', 'Pepsi was first sold in 1893 under the name Brad’s Drink, after its inventor Caleb Bradham.', 'pep pepsico');
INSERT INTO public.stocks VALUES (15, 'PFE', 'Pfizer', 'Health', 5, 'Pharmaceutical company that develops, makes and sells medicines and vaccines.', 'Pfizer makes medicines and vaccines. A vaccine trains the body to fight an illness before the illness comes.', 'Pfizer was founded in Brooklyn, New York, in 1849 by two cousins who had come from Germany.', 'pfe pfizer');
INSERT INTO public.stocks VALUES (16, 'PG', 'Procter & Gamble', 'Home', 7, 'Makes household and personal care products, with brands such as Pampers, Tide, Gillette and Oral-B.', 'Procter & Gamble makes things for every day, such as soap, toothpaste, diapers and washing powder.', 'A candle maker and a soap maker, William Procter and James Gamble, founded the company in 1837.', 'pg procter & gamble');
INSERT INTO public.stocks VALUES (17, 'RRC', 'Range Resources', 'Energy', 3, 'Explores for and produces natural gas, natural gas liquids and oil in the Appalachian region of the United States.', 'Range Resources drills deep wells to get natural gas, which people use for heating, cooking and making electricity.', 'Much of its gas comes from the Marcellus Shale, a layer of rock deep under Pennsylvania and its neighbors.', 'rrc range resources');
INSERT INTO public.stocks VALUES (18, 'UNH', 'UnitedHealth Group', 'Health', 5, 'Health care company that sells health insurance and, through its Optum division, medical and pharmacy services.', 'UnitedHealth sells health insurance. People pay for it regularly, and when they are ill it helps to pay the doctor.', 'UnitedHealth joined the Dow Jones Industrial Average, a list of 30 large American companies, in 2012.', 'unh unitedhealth group');
INSERT INTO public.stocks VALUES (19, 'WMT', 'Walmart', 'Shops', 2, 'Operates supermarkets, large general stores and online shops in the United States and other countries.', 'Walmart runs very large shops that sell food, clothes, toys and many other things.', 'Sam Walton opened the first Walmart in Rogers, Arkansas, in 1962.', 'wmt walmart');
INSERT INTO public.stocks VALUES (20, 'XOM', 'ExxonMobil', 'Energy', 3, 'Explores for and produces oil and natural gas, and makes fuels, lubricants and chemicals.', 'ExxonMobil gets oil and gas out of the ground and makes fuel from them, and also the chemicals that plastics are made of.', 'Exxon and Mobil, which merged in 1999, had both come from Standard Oil, a company that was broken up in 1911.', 'xom exxonmobil');
INSERT INTO public.tag_changes VALUES (1, 'stocks');
INSERT INTO public.tag_changes VALUES (2, 'stocks');
INSERT INTO public.tag_changes VALUES (3, 'stocks');
INSERT INTO public.tag_changes VALUES (4, 'stocks');
INSERT INTO public.tag_changes VALUES (5, 'stocks');
INSERT INTO public.tag_changes VALUES (6, 'stocks');
INSERT INTO public.tag_changes VALUES (7, 'stocks');
INSERT INTO public.tag_changes VALUES (8, 'stocks');
INSERT INTO public.tag_changes VALUES (9, 'stocks');
INSERT INTO public.tag_changes VALUES (10, 'stocks');
INSERT INTO public.tag_changes VALUES (11, 'stocks');
INSERT INTO public.tag_changes VALUES (12, 'stocks');
INSERT INTO public.tag_changes VALUES (13, 'stocks');
INSERT INTO public.tag_changes VALUES (14, 'stocks');
INSERT INTO public.tag_changes VALUES (15, 'stocks');
INSERT INTO public.tag_changes VALUES (16, 'stocks');
INSERT INTO public.tag_changes VALUES (17, 'stocks');
INSERT INTO public.tag_changes VALUES (18, 'stocks');
INSERT INTO public.tag_changes VALUES (19, 'stocks');
INSERT INTO public.tag_changes VALUES (20, 'stocks');
INSERT INTO public.tokens VALUES (1, 1, '\x208a8e1747c50c463b3f5fea2806bc386d47a9abf1a2b2f114f7981936ad11ca', 'login', 1709546401869197, 1709546401869197, 1712138401869197, 1741082401869197, 'api');
INSERT INTO public.tokens VALUES (2, 2, '\x603374e25b7234a41d7e4e73f68dc58c7ba1859e88ea7d5bf042cd6e9363dc6c', 'login', 1709546402042560, 1709546402042560, 1712138402042560, 1741082402042560, 'api');
INSERT INTO public.tokens VALUES (3, 3, '\x1df8f8521ccea9db332bf20cab4b2c997d3d5e7d71dee3a1adb97be675a0261a', 'login', 1709546402130353, 1709546402130353, 1712138402130353, 1741082402130353, 'api');
INSERT INTO public.trade_notes VALUES (1, 3, 'Phones sell well before Christmas', 1709546467308070, 1);
INSERT INTO public.users VALUES (1, 'ada', 'ada@example.org', 'ada@example.org', '$argon2id$v=19$m=19456,t=2,p=1$NPdoP9tA8TkwOfH3tKcF1A$51UTyDNvbwZpEvL7Fw1pdkhq3USXcuyEfVdfk+kfzbs', 1709546401869197, 1709546401869197, 'player');
INSERT INTO public.users VALUES (2, 'ben', 'ben@example.org', 'ben@example.org', '$argon2id$v=19$m=19456,t=2,p=1$RnBbbj0gYjgEmQeIx/SHRw$YGMLXVXU1GhrH2ZB7syG/ft9ZyR11o/vcc9RMwi0pO8', 1709546402042560, 1709546402042560, 'player');
INSERT INTO public.users VALUES (3, 'cleo', 'cleo@example.org', 'cleo@example.org', '$argon2id$v=19$m=19456,t=2,p=1$EYKptonhNyocqP/aUzekuw$KRcn7P3Pbx7b8MbO7LO7SOf05Flx+ZJtIGzfbZZV5JQ', 1709546402130353, 1709546402130353, 'player');
SELECT pg_catalog.setval('public.board_closes_close_id_seq', 2, true);
SELECT pg_catalog.setval('public.games_game_id_seq', 1, true);
SELECT pg_catalog.setval('public.market_stocks_market_stock_id_seq', 1, false);
SELECT pg_catalog.setval('public.markets_market_id_seq', 1, false);
SELECT pg_catalog.setval('public.pending_orders_order_id_seq', 1, false);
SELECT pg_catalog.setval('public.players_player_id_seq', 3, true);
SELECT pg_catalog.setval('public.stocks_stock_id_seq', 40, true);
SELECT pg_catalog.setval('public.tag_changes_change_id_seq', 20, true);
SELECT pg_catalog.setval('public.tokens_token_id_seq', 3, true);
SELECT pg_catalog.setval('public.users_user_id_seq', 3, true);
ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.achievements
    ADD CONSTRAINT achievements_code_key UNIQUE (code);
ALTER TABLE ONLY public.achievements
    ADD CONSTRAINT achievements_pkey PRIMARY KEY (achievement_id);
ALTER TABLE ONLY public.appearances
    ADD CONSTRAINT appearances_pkey PRIMARY KEY (player_id);
ALTER TABLE ONLY public.audit_archives
    ADD CONSTRAINT audit_archives_pkey PRIMARY KEY (month);
ALTER TABLE ONLY public.audit_cuts
    ADD CONSTRAINT audit_cuts_pkey PRIMARY KEY (month);
ALTER TABLE ONLY public.audit_head_holdings
    ADD CONSTRAINT audit_head_holdings_pkey PRIMARY KEY (player_id, stock_id);
ALTER TABLE ONLY public.audit_heads
    ADD CONSTRAINT audit_heads_pkey PRIMARY KEY (player_id);
ALTER TABLE ONLY public.audit_sealing
    ADD CONSTRAINT audit_sealing_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.audit_seals
    ADD CONSTRAINT audit_seals_pkey PRIMARY KEY (cut_at);
ALTER TABLE ONLY public.audit_seals
    ADD CONSTRAINT audit_seals_previous_key UNIQUE (previous);
ALTER TABLE ONLY public.backfills
    ADD CONSTRAINT backfills_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.batch_marks_deleted
    ADD CONSTRAINT batch_marks_deleted_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.batch_marks
    ADD CONSTRAINT batch_marks_pkey PRIMARY KEY (made_at, mark);
ALTER TABLE ONLY public.board_closes
    ADD CONSTRAINT board_closes_pkey PRIMARY KEY (close_id);
ALTER TABLE ONLY public.board_places
    ADD CONSTRAINT board_places_pkey PRIMARY KEY (close_id, place);
ALTER TABLE ONLY public.equity_progress
    ADD CONSTRAINT equity_progress_pkey PRIMARY KEY (day);
ALTER TABLE ONLY public.equity_snapshots
    ADD CONSTRAINT equity_snapshots_pkey PRIMARY KEY (player_id, day);
ALTER TABLE ONLY public.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (user_id, registered_at);
ALTER TABLE ONLY public.game_seeds
    ADD CONSTRAINT game_seeds_pkey PRIMARY KEY (game_id, market);
ALTER TABLE ONLY public.games
    ADD CONSTRAINT games_code_key UNIQUE (code);
ALTER TABLE ONLY public.games
    ADD CONSTRAINT games_pkey PRIMARY KEY (game_id);
ALTER TABLE ONLY public.holdings
    ADD CONSTRAINT holdings_pkey PRIMARY KEY (player_id, stock_id);
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (player_id, key);
ALTER TABLE ONLY public.imported_passwords
    ADD CONSTRAINT imported_passwords_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.market_bars
    ADD CONSTRAINT market_bars_pkey PRIMARY KEY (market_stock_id, day);
ALTER TABLE ONLY public.market_stocks
    ADD CONSTRAINT market_stocks_market_id_symbol_key UNIQUE (market_id, symbol);
ALTER TABLE ONLY public.market_stocks
    ADD CONSTRAINT market_stocks_pkey PRIMARY KEY (market_stock_id);
ALTER TABLE ONLY public.markets
    ADD CONSTRAINT markets_name_key UNIQUE (name);
ALTER TABLE ONLY public.markets
    ADD CONSTRAINT markets_pkey PRIMARY KEY (market_id);
ALTER TABLE ONLY public.name_keys
    ADD CONSTRAINT name_keys_pkey PRIMARY KEY (name_key);
ALTER TABLE ONLY public.note_texts
    ADD CONSTRAINT note_texts_pkey PRIMARY KEY (player_id, text_key);
ALTER TABLE ONLY public.password_links
    ADD CONSTRAINT password_links_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.pending_orders
    ADD CONSTRAINT pending_orders_pkey PRIMARY KEY (order_id);
ALTER TABLE ONLY public.pending_orders
    ADD CONSTRAINT pending_orders_player_id_client_key_key UNIQUE (player_id, client_key);
ALTER TABLE ONLY public.player_achievements
    ADD CONSTRAINT player_achievements_pkey PRIMARY KEY (player_id, achievement_id);
ALTER TABLE ONLY public.players
    ADD CONSTRAINT players_pkey PRIMARY KEY (player_id);
ALTER TABLE ONLY public.players
    ADD CONSTRAINT players_user_id_game_id_key UNIQUE (user_id, game_id);
ALTER TABLE ONLY public.portfolio_audit
    ADD CONSTRAINT portfolio_audit_pkey PRIMARY KEY (player_id, version, month);
ALTER TABLE ONLY public.portfolio_audit_202403
    ADD CONSTRAINT portfolio_audit_202403_pkey PRIMARY KEY (player_id, version, month);
ALTER TABLE ONLY public.portfolio_audit_202404
    ADD CONSTRAINT portfolio_audit_202404_pkey PRIMARY KEY (player_id, version, month);
ALTER TABLE ONLY public.portfolio_audit_202405
    ADD CONSTRAINT portfolio_audit_202405_pkey PRIMARY KEY (player_id, version, month);
ALTER TABLE ONLY public.portfolio_audit_202406
    ADD CONSTRAINT portfolio_audit_202406_pkey PRIMARY KEY (player_id, version, month);
ALTER TABLE ONLY public.preferences
    ADD CONSTRAINT preferences_pkey PRIMARY KEY (user_id);
ALTER TABLE ONLY public.price_units
    ADD CONSTRAINT price_units_pkey PRIMARY KEY (symbol);
ALTER TABLE ONLY public.provider_usage
    ADD CONSTRAINT provider_usage_pkey PRIMARY KEY (provider);
ALTER TABLE ONLY public.quotes
    ADD CONSTRAINT quotes_pkey PRIMARY KEY (stock_id);
ALTER TABLE ONLY public.recovery_codes
    ADD CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, slot);
ALTER TABLE ONLY public.rewards_seen
    ADD CONSTRAINT rewards_seen_pkey PRIMARY KEY (player_id);
ALTER TABLE ONLY public.schema_floor
    ADD CONSTRAINT schema_floor_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.stock_history_months
    ADD CONSTRAINT stock_history_months_pkey PRIMARY KEY (stock_id, month);
ALTER TABLE ONLY public.stock_history
    ADD CONSTRAINT stock_history_pkey PRIMARY KEY (stock_id, day);
ALTER TABLE ONLY public.stock_texts
    ADD CONSTRAINT stock_texts_pkey PRIMARY KEY (symbol);
ALTER TABLE ONLY public.stocks
    ADD CONSTRAINT stocks_pkey PRIMARY KEY (stock_id);
ALTER TABLE ONLY public.stocks
    ADD CONSTRAINT stocks_symbol_key UNIQUE (symbol);
ALTER TABLE ONLY public.tag_changes
    ADD CONSTRAINT tag_changes_pkey PRIMARY KEY (change_id);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_hash_key UNIQUE (hash);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (token_id);
ALTER TABLE ONLY public.trade_notes
    ADD CONSTRAINT trade_notes_pkey PRIMARY KEY (player_id, version);
ALTER TABLE ONLY public.unranked_players
    ADD CONSTRAINT unranked_players_pkey PRIMARY KEY (player_id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key_key UNIQUE (email_key);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);
ALTER TABLE ONLY public.watches
    ADD CONSTRAINT watches_pkey PRIMARY KEY (player_id, stock_id);
CREATE INDEX board_closes_by_board ON public.board_closes USING btree (board, is_done, close_id);
CREATE UNIQUE INDEX board_places_by_player ON public.board_places USING btree (close_id, player_id);
CREATE INDEX erasures_by_time ON public.erasures USING btree (erased_at, user_id, registered_at);
CREATE INDEX idempotency_by_time ON public.idempotency USING btree (created_at);
CREATE INDEX name_keys_by_user ON public.name_keys USING btree (user_id, is_pseudonym);
CREATE INDEX password_links_by_expiry ON public.password_links USING btree (expires_at);
CREATE INDEX password_links_by_user ON public.password_links USING btree (user_id);
CREATE INDEX pending_orders_due ON public.pending_orders USING btree (fills_at, order_id) WHERE (state = ANY (ARRAY['pending'::text, 'executing'::text]));
CREATE INDEX pending_orders_ended ON public.pending_orders USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX pending_orders_of_player ON public.pending_orders USING btree (player_id, order_id);
CREATE INDEX pending_orders_open_of_player ON public.pending_orders USING btree (player_id) WHERE (state = ANY (ARRAY['pending'::text, 'executing'::text]));
CREATE INDEX portfolio_audit_by_time ON ONLY public.portfolio_audit USING btree (created_at, player_id, version);
CREATE INDEX portfolio_audit_202403_created_at_player_id_version_idx ON public.portfolio_audit_202403 USING btree (created_at, player_id, version);
CREATE INDEX portfolio_audit_202404_created_at_player_id_version_idx ON public.portfolio_audit_202404 USING btree (created_at, player_id, version);
CREATE INDEX portfolio_audit_202405_created_at_player_id_version_idx ON public.portfolio_audit_202405 USING btree (created_at, player_id, version);
CREATE INDEX portfolio_audit_202406_created_at_player_id_version_idx ON public.portfolio_audit_202406 USING btree (created_at, player_id, version);
CREATE INDEX quotes_by_change ON public.quotes USING btree (changed_at, stock_id);
CREATE INDEX quotes_by_try ON public.quotes USING btree (tried_at, stock_id);
CREATE INDEX stocks_by_category ON public.stocks USING btree (category, category_id);
CREATE INDEX tokens_by_expiry ON public.tokens USING btree (expires_at);
CREATE INDEX tokens_by_user ON public.tokens USING btree (user_id, token_id);
ALTER INDEX public.portfolio_audit_by_time ATTACH PARTITION public.portfolio_audit_202403_created_at_player_id_version_idx;
ALTER INDEX public.portfolio_audit_pkey ATTACH PARTITION public.portfolio_audit_202403_pkey;
ALTER INDEX public.portfolio_audit_by_time ATTACH PARTITION public.portfolio_audit_202404_created_at_player_id_version_idx;
ALTER INDEX public.portfolio_audit_pkey ATTACH PARTITION public.portfolio_audit_202404_pkey;
ALTER INDEX public.portfolio_audit_by_time ATTACH PARTITION public.portfolio_audit_202405_created_at_player_id_version_idx;
ALTER INDEX public.portfolio_audit_pkey ATTACH PARTITION public.portfolio_audit_202405_pkey;
ALTER INDEX public.portfolio_audit_by_time ATTACH PARTITION public.portfolio_audit_202406_created_at_player_id_version_idx;
ALTER INDEX public.portfolio_audit_pkey ATTACH PARTITION public.portfolio_audit_202406_pkey;
CREATE TRIGGER appearances_are_noted AFTER INSERT OR DELETE OR UPDATE ON public.appearances FOR EACH ROW EXECUTE FUNCTION public.note_appearance_change();
CREATE TRIGGER audit_cuts_refuse_held_months BEFORE INSERT ON public.audit_cuts FOR EACH ROW EXECUTE FUNCTION public.refuse_held_cut();
CREATE TRIGGER audit_seals_are_never_changed BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_seal_change();
CREATE TRIGGER changed_stocks_are_noted AFTER UPDATE ON public.stocks FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.note_stock_change();
CREATE TRIGGER erasures_are_noted AFTER DELETE ON public.users FOR EACH ROW EXECUTE FUNCTION public.note_erasure();
CREATE TRIGGER leaving_users_are_noted AFTER DELETE ON public.users FOR EACH ROW EXECUTE FUNCTION public.note_user_change();
CREATE TRIGGER names_are_noted AFTER UPDATE OF name ON public.users FOR EACH ROW WHEN ((old.name <> new.name)) EXECUTE FUNCTION public.note_user_change();
CREATE TRIGGER new_stocks_are_noted AFTER INSERT ON public.stocks FOR EACH ROW EXECUTE FUNCTION public.note_stock_change();
CREATE TRIGGER portfolio_audit_is_never_changed BEFORE DELETE OR UPDATE ON public.portfolio_audit FOR EACH ROW EXECUTE FUNCTION public.refuse_ledger_change();
CREATE TRIGGER portfolio_audit_is_never_truncated BEFORE TRUNCATE ON public.portfolio_audit FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_ledger_change();
CREATE TRIGGER portfolio_audit_is_never_truncated BEFORE TRUNCATE ON public.portfolio_audit_202403 FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_ledger_change();
CREATE TRIGGER portfolio_audit_is_never_truncated BEFORE TRUNCATE ON public.portfolio_audit_202404 FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_ledger_change();
CREATE TRIGGER portfolio_audit_is_never_truncated BEFORE TRUNCATE ON public.portfolio_audit_202405 FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_ledger_change();
CREATE TRIGGER portfolio_audit_is_never_truncated BEFORE TRUNCATE ON public.portfolio_audit_202406 FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_ledger_change();
ALTER TABLE ONLY public.password_links
    ADD CONSTRAINT password_links_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.preferences
    ADD CONSTRAINT preferences_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.recovery_codes
    ADD CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id) ON DELETE CASCADE;
