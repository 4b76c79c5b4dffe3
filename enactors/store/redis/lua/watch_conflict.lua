-- An aborted EXEC leaves no trace: this records it right after (deferred: `previous` is read here).
-- KEYS: 1 endpoint, 2 history. ARGV: endpoint, enactor, version, attempt.
local previous = redis.call('HGET', KEYS[1], 'version') or '0'
append(KEYS[2], 'watch_conflict', ARGV[1], ARGV[3], previous, ARGV[2], ARGV[4], '', '', '', '', 'watch_conflict', '')
return 'watch_conflict:' .. previous
