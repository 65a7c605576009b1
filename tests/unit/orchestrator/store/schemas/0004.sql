INSERT INTO drivers (boot_id, processes, folder, started_at, ended_at, host) VALUES ('boot', '[]', '', 1.0, 2.0, 'here');
INSERT INTO sweeps (name, revision, source, dataset, unique_tokens, dropped, warnings, submitted_at, "user", ceiling_flops) VALUES ('old', 'aaaa', 'name: old', 'data', 1000, '[]', '[]', 1.0, 'ann', 1e10);
INSERT INTO runs (id, config, flops, predicted_seconds, state, fence, loss, bits_per_byte, seconds, result, error, device, finished_at, counted_from, restarted, alone) VALUES ('a', '{}', 1e9, 2.0, 'done', 1, 3.25, 1.5, 2.5, '{"loss": 3.25, "bits_per_byte": 1.5, "train_seconds": 2.5}', NULL, 'cpu', 2.0, 0, 0, 0);
INSERT INTO runs (id, config, flops, predicted_seconds, state, fence, loss, bits_per_byte, seconds, result, error, device, finished_at, counted_from, restarted, alone) VALUES ('b', '{}', 1e9, 2.0, 'queued', 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0);
INSERT INTO sweep_runs (sweep_id, run_id, position, role, cell) VALUES (1, 'a', 0, 'grid', '{}');
INSERT INTO sweep_runs (sweep_id, run_id, position, role, cell) VALUES (1, 'b', 1, 'grid', '{}');
INSERT INTO attempts (run_id, number, driver_id, worker, started_at, ended_at, cause, detail, seconds, flops) VALUES ('a', 1, 1, 'worker-0', 1.0, 2.0, 'done', '', 3.0, 1e9);
INSERT INTO charges (run_id, sweep_id, "user", flops, seconds, settled_at, after_attempt) VALUES ('a', 1, 'ann', 1e9, 3.0, 2.0, 0);
INSERT INTO charges (run_id, sweep_id, "user", flops, seconds, settled_at, after_attempt) VALUES ('b', 1, 'ann', 1e9, 60.0, NULL, 0);
