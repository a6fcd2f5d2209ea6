BEGIN TRANSACTION;
CREATE TABLE accounts (
	id INTEGER NOT NULL, 
	platform VARCHAR(20) NOT NULL, 
	environment VARCHAR(10) NOT NULL, 
	key_hash VARCHAR(64) NOT NULL, 
	created BIGINT NOT NULL, 
	CONSTRAINT pk_accounts PRIMARY KEY (id), 
	CONSTRAINT uq_accounts_platform_environment_key_hash UNIQUE (platform, environment, key_hash)
);
INSERT INTO "accounts" VALUES(1,'kalshi','paper','00000000000000000000000000000000',1795741493500551);
INSERT INTO "accounts" VALUES(2,'kalshi','demo','00000000000000000000000000000000',1795741493525635);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE alert_firings (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	alert_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	time BIGINT NOT NULL, 
	found BIGINT NOT NULL, 
	said TEXT NOT NULL, 
	shown BIGINT, 
	CONSTRAINT pk_alert_firings PRIMARY KEY (id), 
	CONSTRAINT fk_alert_firings_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT fk_alert_firings_alert_id FOREIGN KEY(alert_id) REFERENCES alerts (id), 
	CONSTRAINT uq_alert_firings_alert_id_number UNIQUE (alert_id, number)
);
INSERT INTO "alert_firings" VALUES(1,1,1,1,1795780800000000,1795780800000000,'middle is 61¢',NULL);
INSERT INTO "alert_firings" VALUES(2,1,2,1,1795780800000000,1795780800000000,'middle is 61¢',NULL);
INSERT INTO "alert_firings" VALUES(3,1,3,1,1795780800000000,1795780800000000,'middle is 61¢',NULL);
CREATE TABLE alerts (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	ticker VARCHAR(200) NOT NULL, 
	spec JSON NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	created BIGINT NOT NULL, 
	until BIGINT, 
	version INTEGER NOT NULL, 
	fired INTEGER NOT NULL, 
	last BIGINT, 
	seen JSON NOT NULL, 
	CONSTRAINT pk_alerts PRIMARY KEY (id), 
	CONSTRAINT fk_alerts_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);
INSERT INTO "alerts" VALUES(1,1,'price_above','KXA-0-X','{"value": "0.6", "pause_s": 60}','active',1795780800000000,NULL,1,1,1795780800000000,'{"true": true}');
INSERT INTO "alerts" VALUES(2,1,'price_above','KXA-1-X','{"value": "0.6", "pause_s": 60}','active',1795780800000000,NULL,1,1,1795780800000000,'{"true": true}');
INSERT INTO "alerts" VALUES(3,1,'price_above','KXA-2-X','{"value": "0.6", "pause_s": 60}','active',1795780800000000,NULL,1,1,1795780800000000,'{"true": true}');
CREATE TABLE closings (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	transaction_id INTEGER NOT NULL, 
	opened_by INTEGER, 
	ticker VARCHAR(200) NOT NULL, 
	subaccount INTEGER NOT NULL, 
	side VARCHAR(3) NOT NULL, 
	acquired BIGINT, 
	disposed BIGINT NOT NULL, 
	contracts BIGINT NOT NULL, 
	proceeds BIGINT NOT NULL, 
	basis BIGINT NOT NULL, 
	fees BIGINT NOT NULL, 
	CONSTRAINT pk_closings PRIMARY KEY (id), 
	CONSTRAINT fk_closings_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT fk_closings_opened_by FOREIGN KEY(opened_by) REFERENCES transactions (id), 
	CONSTRAINT fk_closings_transaction_id FOREIGN KEY(transaction_id) REFERENCES transactions (id)
);
CREATE TABLE forecasts (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	ticker VARCHAR(200) NOT NULL, 
	title TEXT NOT NULL, 
	category VARCHAR(100) NOT NULL, 
	made BIGINT NOT NULL, 
	probability BIGINT NOT NULL, 
	bid BIGINT, 
	ask BIGINT, 
	fee VARCHAR(60) NOT NULL, 
	note TEXT NOT NULL, 
	value BIGINT, 
	settled BIGINT, 
	CONSTRAINT pk_forecasts PRIMARY KEY (id), 
	CONSTRAINT fk_forecasts_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);
INSERT INTO "forecasts" VALUES(1,1,'KXA-0-X','Will it?','',1793491200000000,700000,400000,440000,'','',NULL,NULL);
CREATE TABLE jobs (
	account_id INTEGER NOT NULL, 
	name VARCHAR(40) NOT NULL, 
	runs INTEGER NOT NULL, 
	failed INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	ended BIGINT, 
	done BIGINT, 
	took INTEGER NOT NULL, 
	worker VARCHAR(80) NOT NULL, 
	said TEXT NOT NULL, 
	CONSTRAINT pk_jobs PRIMARY KEY (account_id, name), 
	CONSTRAINT fk_jobs_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);
INSERT INTO "jobs" VALUES(1,'alerts',1,0,0,1795780800000000,1795780800000000,12,'w','');
CREATE TABLE lots (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	transaction_id INTEGER NOT NULL, 
	ticker VARCHAR(200) NOT NULL, 
	subaccount INTEGER NOT NULL, 
	side VARCHAR(3) NOT NULL, 
	acquired BIGINT NOT NULL, 
	contracts BIGINT NOT NULL, 
	basis BIGINT NOT NULL, 
	"left" BIGINT NOT NULL, 
	left_basis BIGINT NOT NULL, 
	CONSTRAINT pk_lots PRIMARY KEY (id), 
	CONSTRAINT fk_lots_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT fk_lots_transaction_id FOREIGN KEY(transaction_id) REFERENCES transactions (id)
);
CREATE TABLE named_lots (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	closing VARCHAR(200) NOT NULL, 
	opening VARCHAR(200) NOT NULL, 
	contracts BIGINT NOT NULL, 
	CONSTRAINT pk_named_lots PRIMARY KEY (id), 
	CONSTRAINT fk_named_lots_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT uq_named_lots_account_id_closing_opening UNIQUE (account_id, closing, opening)
);
CREATE TABLE notifications (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	reason VARCHAR(200) NOT NULL, 
	channel VARCHAR(80) NOT NULL, 
	importance VARCHAR(10) NOT NULL, 
	title TEXT NOT NULL, 
	body TEXT NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	tries INTEGER NOT NULL, 
	created BIGINT NOT NULL, 
	next_try BIGINT NOT NULL, 
	worker VARCHAR(80) NOT NULL, 
	sent_with INTEGER, 
	done BIGINT, 
	said TEXT NOT NULL, 
	CONSTRAINT pk_notifications PRIMARY KEY (id), 
	CONSTRAINT fk_notifications_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT uq_notifications_account_id_reason_channel UNIQUE (account_id, reason, channel)
);
INSERT INTO "notifications" VALUES(1,1,'alert:1:1','mail','normal','Alert','told','waiting',0,1795780800000000,1795780800000000,'',NULL,NULL,'');
INSERT INTO "notifications" VALUES(2,1,'alert:2:1','mail','normal','Alert','told','waiting',0,1795780800000000,1795780800000000,'',NULL,NULL,'');
INSERT INTO "notifications" VALUES(3,1,'alert:3:1','mail','normal','Alert','told','waiting',0,1795780800000000,1795780800000000,'',NULL,NULL,'');
INSERT INTO "notifications" VALUES(4,1,'run:1','mail','normal','Standing order','bought','waiting',0,1795780800000000,1795780800000000,'',NULL,NULL,'');
INSERT INTO "notifications" VALUES(5,1,'run:2','mail','normal','Standing order','bought','waiting',0,1795780800000000,1795780800000000,'',NULL,NULL,'');
CREATE TABLE prices (
	account_id INTEGER NOT NULL, 
	ticker VARCHAR(200) NOT NULL, 
	time BIGINT NOT NULL, 
	bid BIGINT, 
	ask BIGINT, 
	last BIGINT, 
	CONSTRAINT pk_prices PRIMARY KEY (account_id, ticker), 
	CONSTRAINT fk_prices_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);
INSERT INTO "prices" VALUES(1,'KXA-1-X',1795780800000000,400000,420000,NULL);
CREATE TABLE progress (
	account_id INTEGER NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	until BIGINT NOT NULL, 
	CONSTRAINT pk_progress PRIMARY KEY (account_id, kind), 
	CONSTRAINT fk_progress_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);
INSERT INTO "progress" VALUES(1,'fill',1795219200000000);
INSERT INTO "progress" VALUES(2,'fill',1795219200000000);
CREATE TABLE settings (
	account_id INTEGER NOT NULL, 
	name VARCHAR(80) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_settings PRIMARY KEY (account_id, name), 
	CONSTRAINT fk_settings_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);
INSERT INTO "settings" VALUES(1,'lots','hifo');
CREATE TABLE snapshot_positions (
	snapshot_id INTEGER NOT NULL, 
	ticker VARCHAR(200) NOT NULL, 
	subaccount INTEGER NOT NULL, 
	contracts BIGINT NOT NULL, 
	at_bid BIGINT, 
	at_middle BIGINT, 
	at_cost BIGINT NOT NULL, 
	CONSTRAINT pk_snapshot_positions PRIMARY KEY (snapshot_id, ticker, subaccount), 
	CONSTRAINT fk_snapshot_positions_snapshot_id FOREIGN KEY(snapshot_id) REFERENCES snapshots (id) ON DELETE CASCADE
);
INSERT INTO "snapshot_positions" VALUES(1,'KXA-0-X',0,10000000,3500000,NULL,4000000);
CREATE TABLE snapshots (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	time BIGINT NOT NULL, 
	cash BIGINT NOT NULL, 
	resting BIGINT NOT NULL, 
	at_bid BIGINT, 
	at_middle BIGINT, 
	at_cost BIGINT NOT NULL, 
	CONSTRAINT pk_snapshots PRIMARY KEY (id), 
	CONSTRAINT fk_snapshots_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);
INSERT INTO "snapshots" VALUES(1,1,1793491200000000,100000000,1000000,3500000,NULL,4000000);
CREATE TABLE standing_orders (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	"key" VARCHAR(40) NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	ticker VARCHAR(200) NOT NULL, 
	spec JSON NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	created BIGINT NOT NULL, 
	until BIGINT, 
	version INTEGER NOT NULL, 
	runs INTEGER NOT NULL, 
	due BIGINT, 
	spent BIGINT NOT NULL, 
	filled BIGINT NOT NULL, 
	seen JSON NOT NULL, 
	said TEXT NOT NULL, 
	CONSTRAINT pk_standing_orders PRIMARY KEY (id), 
	CONSTRAINT fk_standing_orders_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT uq_standing_orders_account_id_key UNIQUE (account_id, "key")
);
INSERT INTO "standing_orders" VALUES(1,1,'00000000000000000000000000000000','recurring','KXA-1-X','{"side": "yes", "action": "buy", "count": "2", "every": "1d", "max_runs": 5, "on": "ask", "start": "2026-11-27T12:00:00+00:00"}','active',1795780800000000,NULL,1,1,1795867200000000,1020000,2000000,'{"worst": "5.1"}','');
INSERT INTO "standing_orders" VALUES(2,1,'00000000000000000000000000000001','recurring','KXA-1-X','{"side": "yes", "action": "buy", "count": "2", "every": "1d", "max_runs": 5, "on": "ask", "start": "2026-11-27T12:00:00+00:00"}','active',1795780800000000,NULL,1,1,1795867200000000,1020000,2000000,'{"worst": "5.1"}','');
CREATE TABLE standing_runs (
	id INTEGER NOT NULL, 
	standing_order_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	time BIGINT NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	client_order_id VARCHAR(80) NOT NULL, 
	worker VARCHAR(80) NOT NULL, 
	held_until BIGINT NOT NULL, 
	ended BIGINT, 
	order_id VARCHAR(200) NOT NULL, 
	spent BIGINT NOT NULL, 
	filled BIGINT NOT NULL, 
	said TEXT NOT NULL, 
	CONSTRAINT pk_standing_runs PRIMARY KEY (id), 
	CONSTRAINT fk_standing_runs_standing_order_id FOREIGN KEY(standing_order_id) REFERENCES standing_orders (id), 
	CONSTRAINT uq_standing_runs_standing_order_id_number UNIQUE (standing_order_id, number)
);
INSERT INTO "standing_runs" VALUES(1,1,1,1795780800000000,'done','so-00000000000000000000000000000000-1','w',1795780860000000,1795780800000000,'o1',1020000,2000000,'bought 2 yes at 50¢');
INSERT INTO "standing_runs" VALUES(2,2,1,1795780800000000,'done','so-00000000000000000000000000000001-1','w',1795780860000000,1795780800000000,'o1',1020000,2000000,'bought 2 yes at 50¢');
CREATE TABLE transactions (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	exchange_id VARCHAR(200) NOT NULL, 
	subaccount INTEGER NOT NULL, 
	time BIGINT NOT NULL, 
	ticker VARCHAR(200) NOT NULL, 
	contracts BIGINT NOT NULL, 
	price BIGINT, 
	fee BIGINT NOT NULL, 
	cash BIGINT NOT NULL, 
	order_id VARCHAR(200) NOT NULL, 
	CONSTRAINT pk_transactions PRIMARY KEY (id), 
	CONSTRAINT fk_transactions_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT uq_transactions_account_id_kind_exchange_id_subaccount UNIQUE (account_id, kind, exchange_id, subaccount)
);
INSERT INTO "transactions" VALUES(1,1,'deposit','d0',0,1793491200000000,'',0,NULL,0,100000000,'');
INSERT INTO "transactions" VALUES(2,1,'fill','f0',0,1793491200000000,'KXA-0-X',-15000000,400000,12300,-9012300,'o0');
INSERT INTO "transactions" VALUES(3,1,'fill','f1',1,1793516400000000,'KXA-1-X',10000000,410000,12300,-4112300,'o1');
INSERT INTO "transactions" VALUES(4,1,'fill','f2',0,1793541600000000,'KXA-2-X',10000000,420000,12300,-4212300,'o2');
INSERT INTO "transactions" VALUES(5,1,'fill','f3',1,1793566800000000,'KXA-0-X',10000000,430000,12300,-4312300,'o3');
INSERT INTO "transactions" VALUES(6,1,'deposit','d1',0,1793577600000000,'',0,NULL,0,100000000,'');
INSERT INTO "transactions" VALUES(7,1,'fill','f4',0,1793592000000000,'KXA-1-X',-15000000,440000,12300,-8412300,'o4');
INSERT INTO "transactions" VALUES(8,1,'fill','f5',1,1793617200000000,'KXA-2-X',10000000,450000,12300,-4512300,'o5');
INSERT INTO "transactions" VALUES(9,1,'fill','f6',0,1793642400000000,'KXA-0-X',10000000,460000,12300,5387700,'o6');
INSERT INTO "transactions" VALUES(10,1,'deposit','d2',0,1793664000000000,'',0,NULL,0,100000000,'');
INSERT INTO "transactions" VALUES(11,1,'fill','f7',1,1793667600000000,'KXA-1-X',10000000,470000,12300,-4712300,'o7');
INSERT INTO "transactions" VALUES(12,1,'fill','f8',0,1793692800000000,'KXA-2-X',-15000000,480000,12300,2187700,'o8');
INSERT INTO "transactions" VALUES(13,1,'fill','f9',1,1793718000000000,'KXA-0-X',10000000,490000,12300,-4912300,'o9');
INSERT INTO "transactions" VALUES(14,1,'fill','f10',0,1793743200000000,'KXA-1-X',10000000,500000,12300,4987700,'o10');
INSERT INTO "transactions" VALUES(15,1,'fill','f11',1,1793768400000000,'KXA-2-X',10000000,510000,12300,-5112300,'o11');
INSERT INTO "transactions" VALUES(16,1,'fill','f12',0,1793793600000000,'KXA-0-X',-15000000,520000,12300,-7212300,'o12');
INSERT INTO "transactions" VALUES(17,1,'fill','f13',1,1793818800000000,'KXA-1-X',10000000,530000,12300,-5312300,'o13');
INSERT INTO "transactions" VALUES(18,1,'withdrawal','w0',0,1793836800000000,'',0,NULL,500000,-20000000,'');
INSERT INTO "transactions" VALUES(19,1,'transfer','t0',0,1793836800000000,'',0,NULL,0,-7000000,'');
INSERT INTO "transactions" VALUES(20,1,'transfer','t0',1,1793836800000000,'',0,NULL,0,7000000,'');
INSERT INTO "transactions" VALUES(21,2,'deposit','d0',0,1793491200000000,'',0,NULL,0,100000000,'');
INSERT INTO "transactions" VALUES(22,2,'fill','f0',0,1793491200000000,'KXA-0-X',-15000000,400000,12300,-9012300,'o0');
INSERT INTO "transactions" VALUES(23,2,'fill','f1',1,1793516400000000,'KXA-1-X',10000000,410000,12300,-4112300,'o1');
INSERT INTO "transactions" VALUES(24,2,'fill','f2',0,1793541600000000,'KXA-2-X',10000000,420000,12300,-4212300,'o2');
INSERT INTO "transactions" VALUES(25,2,'fill','f3',1,1793566800000000,'KXA-0-X',10000000,430000,12300,-4312300,'o3');
INSERT INTO "transactions" VALUES(26,2,'deposit','d1',0,1793577600000000,'',0,NULL,0,100000000,'');
INSERT INTO "transactions" VALUES(27,2,'fill','f4',0,1793592000000000,'KXA-1-X',-15000000,440000,12300,-8412300,'o4');
INSERT INTO "transactions" VALUES(28,2,'fill','f5',1,1793617200000000,'KXA-2-X',10000000,450000,12300,-4512300,'o5');
INSERT INTO "transactions" VALUES(29,2,'fill','f6',0,1793642400000000,'KXA-0-X',10000000,460000,12300,5387700,'o6');
INSERT INTO "transactions" VALUES(30,2,'deposit','d2',0,1793664000000000,'',0,NULL,0,100000000,'');
INSERT INTO "transactions" VALUES(31,2,'fill','f7',1,1793667600000000,'KXA-1-X',10000000,470000,12300,-4712300,'o7');
INSERT INTO "transactions" VALUES(32,2,'fill','f8',0,1793692800000000,'KXA-2-X',-15000000,480000,12300,2187700,'o8');
INSERT INTO "transactions" VALUES(33,2,'fill','f9',1,1793718000000000,'KXA-0-X',10000000,490000,12300,-4912300,'o9');
INSERT INTO "transactions" VALUES(34,2,'fill','f10',0,1793743200000000,'KXA-1-X',10000000,500000,12300,4987700,'o10');
INSERT INTO "transactions" VALUES(35,2,'fill','f11',1,1793768400000000,'KXA-2-X',10000000,510000,12300,-5112300,'o11');
INSERT INTO "transactions" VALUES(36,2,'fill','f12',0,1793793600000000,'KXA-0-X',-15000000,520000,12300,-7212300,'o12');
INSERT INTO "transactions" VALUES(37,2,'fill','f13',1,1793818800000000,'KXA-1-X',10000000,530000,12300,-5312300,'o13');
INSERT INTO "transactions" VALUES(38,2,'withdrawal','w0',0,1793836800000000,'',0,NULL,500000,-20000000,'');
INSERT INTO "transactions" VALUES(39,2,'transfer','t0',0,1793836800000000,'',0,NULL,0,-7000000,'');
INSERT INTO "transactions" VALUES(40,2,'transfer','t0',1,1793836800000000,'',0,NULL,0,7000000,'');
CREATE TABLE workers (
	account_id INTEGER NOT NULL, 
	name VARCHAR(80) NOT NULL, 
	within VARCHAR(20) NOT NULL, 
	version VARCHAR(40) NOT NULL, 
	started BIGINT NOT NULL, 
	seen BIGINT NOT NULL, 
	CONSTRAINT pk_workers PRIMARY KEY (account_id, name), 
	CONSTRAINT fk_workers_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);
INSERT INTO "workers" VALUES(1,'w','server','0.1.0',1795780800000000,1795780800000000);
CREATE INDEX ix_forecasts_account_id_made ON forecasts (account_id, made);
CREATE INDEX ix_forecasts_account_id_ticker ON forecasts (account_id, ticker);
CREATE INDEX ix_snapshots_account_id_time ON snapshots (account_id, time);
CREATE INDEX ix_transactions_account_id_ticker_subaccount ON transactions (account_id, ticker, subaccount);
CREATE INDEX ix_transactions_account_id_time_id ON transactions (account_id, time, id);
CREATE INDEX ix_closings_account_id_disposed ON closings (account_id, disposed);
CREATE INDEX ix_closings_account_id_ticker ON closings (account_id, ticker);
CREATE INDEX ix_lots_account_id_ticker ON lots (account_id, ticker);
CREATE INDEX ix_alerts_account_id_state ON alerts (account_id, state);
CREATE INDEX ix_notifications_account_id_state_next_try ON notifications (account_id, state, next_try);
CREATE INDEX ix_standing_orders_account_id_state ON standing_orders (account_id, state);
CREATE INDEX ix_alert_firings_account_id_shown ON alert_firings (account_id, shown);
CREATE INDEX ix_standing_runs_standing_order_id_state ON standing_runs (standing_order_id, state);
COMMIT;
