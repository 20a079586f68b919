-- A wait that the other side asked for outlives the process that was asked.
ALTER TABLE channels ADD COLUMN held_until INTEGER;
