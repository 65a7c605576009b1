INSERT INTO sweeps (name, revision, source, dataset, unique_tokens, dropped, warnings, submitted_at, "user", ceiling_flops, rounds) VALUES ('old', 'aaaa', 'name: old', 'data', 1000, '[]', '[]', 1.0, 'ann', 1e10, NULL);
INSERT INTO runs (id, config, flops, predicted_seconds, state, fence, loss, bits_per_byte, seconds, result, error, device, finished_at, counted_from, restarted, alone) VALUES ('a', '{}', 1e9, 2.0, 'done', 1, 3.25, 1.5, 2.5, '{"loss": 3.25, "bits_per_byte": 1.5, "train_seconds": 2.5}', NULL, 'cpu', 2.0, 0, 0, 0);
INSERT INTO sweep_runs (sweep_id, run_id, position, role, cell) VALUES (1, 'a', 0, 'grid', '{}');
INSERT INTO accounts (name, role, group_name, made_at, weight, quota_flops) VALUES ('ann', 'submitter', 'cs', 1.0, 1.0, 1e12);
INSERT INTO audit (at, "user", action, subject, detail, address, request) VALUES (1.0, 'me', 'user add', 'ann', 'role submitter, group cs', 'this machine', '');
