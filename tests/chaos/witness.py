"""PostgreSQL's own record of every change of a job's or an execution's status, written by triggers in the same
transaction: it does not depend on what Pulse says of itself."""

TRIGGERS = """
CREATE TABLE chaos_moves (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL, row_id text NOT NULL, job_id text, before text, after text,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE FUNCTION chaos_job_moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_moves (kind, row_id, job_id, before, after)
    VALUES ('job', NEW.id, NEW.id, OLD.status, NEW.status);
    RETURN NULL;
END $$;
CREATE FUNCTION chaos_execution_moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_moves (kind, row_id, job_id, before, after)
    VALUES ('execution', coalesce(NEW.id, OLD.id), coalesce(NEW.job_id, OLD.job_id), OLD.status, NEW.status);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_job AFTER UPDATE ON pulse_job
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION chaos_job_moved();
CREATE TRIGGER chaos_execution AFTER INSERT OR DELETE ON pulse_executions
    FOR EACH ROW EXECUTE FUNCTION chaos_execution_moved();
CREATE TRIGGER chaos_execution_end AFTER UPDATE ON pulse_executions
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION chaos_execution_moved();
"""
