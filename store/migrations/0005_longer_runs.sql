-- A run may ask for more time.
ALTER TABLE hosts ADD COLUMN run_extra_seconds INTEGER NOT NULL DEFAULT 0;
