-- The versions of this schema that were made, each with the oldest client that can go on beside it.
CREATE TABLE versions (version integer PRIMARY KEY, oldest integer NOT NULL);
-- What is known of each reference. Amounts are in minor units; one without a currency is the whole payment.
CREATE TABLE refunds (
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    payment_id TEXT,
    minor_units INTEGER,
    currency TEXT,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    refund_id TEXT,
    tracking_id TEXT,
    known TEXT NOT NULL,
    failed_ids TEXT NOT NULL,
    decided_by TEXT,
    contradiction TEXT,
    token TEXT,
    lease_end TEXT,
    changed_at REAL NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (account, reference)
) WITHOUT ROWID;
CREATE INDEX refunds_by_id ON refunds (account, refund_id) WHERE refund_id IS NOT NULL;
CREATE INDEX refunds_by_tracking_id ON refunds (account, tracking_id) WHERE tracking_id IS NOT NULL;
CREATE INDEX refunds_by_payment ON refunds (account, payment_id);
CREATE INDEX refunds_unresolved ON refunds (state) 
    WHERE state IN ('sending', 'unknown') OR contradiction IS NOT NULL;
-- Every change, never altered.
CREATE TABLE history (
    number INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    at REAL NOT NULL,
    event TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    decided_by TEXT,
    reason TEXT,
    facts TEXT
);
CREATE INDEX history_by_reference ON history (account, reference);
-- Which provider and environment each account name stands for.
CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    environment TEXT NOT NULL,
    is_loopback INTEGER NOT NULL
) WITHOUT ROWID;
-- What is left of a reference that was moved out: a digest of account and reference, one of payment and amount. Of an
-- accepted one also a digest of account and payment, and its amount, so that the refunds of a payment still add up.
CREATE TABLE archived (
    digest TEXT PRIMARY KEY,
    parameters TEXT NOT NULL,
    state TEXT NOT NULL,
    payment TEXT,
    minor_units INTEGER,
    currency TEXT
) WITHOUT ROWID;
CREATE INDEX archived_by_payment ON archived (payment) WHERE payment IS NOT NULL;
