"""Lua scripts of the Redis store: the rules of `rules`, where the accounts are.

Keys, all with one hash tag:

- ``leases``: sorted set of the holders that hold something, by the end of their lease.
- ``accounts``: sorted set of the names of accounts, by the time of their removal.
- ``a:NAME``: hash of an account; ``s`` and ``h`` with the number of a bucket are what
  was spent and what is held in it, ``u`` is the time of its removal.
- ``h:NAME``: hash of a holder; ``n`` is the number of its last exchange, ``r`` the
  change that was refused, ``x`` the end of its lease, ``e`` whether that came, and
  ``=BUCKET|ACCOUNT`` is what it holds.
- ``c:TARGET``: hash of controls; ``f`` is the end of a freeze, ``g`` with a name a
  grant, its amount and its end. No end is an empty text.

Lua has doubles only. An amount is a list of limbs of 15 digits, the least first, which
are added exactly below 2**53.
"""

from __future__ import annotations

from ..rules import CLOCK_MARGIN_S, LEASES_AT_ONCE, MIN_ACCOUNT_S, REMEMBERED_S

# The removal of an account is put off once a day, not with each exchange.
_REMOVAL_STEP_S = 86_400

ARITHMETIC = """
local BASE, DIGITS = 1e15, 15
local function big(digits)
  local limbs, last = {}, #digits
  while last > 0 do
    limbs[#limbs + 1] = tonumber(string.sub(digits, math.max(1, last - 14), last))
    last = last - DIGITS
  end
  return limbs
end
local function text(limbs)
  local top = #limbs
  while top > 1 and limbs[top] == 0 do top = top - 1 end
  local parts = {string.format('%.0f', limbs[top] or 0)}
  for i = top - 1, 1, -1 do parts[#parts + 1] = string.format('%015.0f', limbs[i]) end
  return table.concat(parts)
end
local function add(a, b)
  local sum, carry = {}, 0
  for i = 1, math.max(#a, #b) do
    local limb = (a[i] or 0) + (b[i] or 0) + carry
    carry = 0
    if limb >= BASE then limb, carry = limb - BASE, 1 end
    sum[i] = limb
  end
  if carry > 0 then sum[#sum + 1] = carry end
  return sum
end
local function compare(a, b)
  for i = math.max(#a, #b), 1, -1 do
    local x, y = a[i] or 0, b[i] or 0
    if x ~= y then return x < y and -1 or 1 end
  end
  return 0
end
-- Zero where b is more than a, which only keys that were deleted by hand can cause.
local function subtract(a, b)
  if compare(a, b) < 0 then return {0} end
  local rest, borrow = {}, 0
  for i = 1, #a do
    local limb = a[i] - (b[i] or 0) - borrow
    borrow = 0
    if limb < 0 then limb, borrow = limb + BASE, 1 end
    rest[i] = limb
  end
  return rest
end
local function is_zero(limbs)
  for i = 1, #limbs do if limbs[i] ~= 0 then return false end end
  return true
end
"""

_CLOCK = """
local prefix = ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local function at(seconds) return string.format('%.6f', seconds) end
"""

_COMMON = (
    f"""{ARITHMETIC}{_CLOCK}
local ZERO = {{0}}
local REMEMBERED, AT_ONCE = {REMEMBERED_S:.0f}, {LEASES_AT_ONCE}
local MARGIN, MIN_ACCOUNT = {CLOCK_MARGIN_S:.0f}, {MIN_ACCOUNT_S:.0f}
"""
    """
local loaded = {}
local function account(name)
  local found = loaded[name]
  if found then return found end
  found = {key = prefix .. 'a:' .. name, s = {}, h = {}, until_ = 0}
  local fields = redis.call('HGETALL', found.key)
  for i = 1, #fields, 2 do
    local kind, bucket = string.sub(fields[i], 1, 1), string.sub(fields[i], 2)
    if kind == 'u' then
      found.until_ = tonumber(fields[i + 1])
    else
      found[kind][bucket] = big(fields[i + 1])
    end
  end
  loaded[name] = found
  return found
end
local function put(found, kind, bucket, amount)
  if is_zero(amount) then
    found[kind][bucket] = nil
    redis.call('HDEL', found.key, kind .. bucket)
  else
    found[kind][bucket] = amount
    redis.call('HSET', found.key, kind .. bucket, text(amount))
  end
end
local function window(buckets, first)
  local sum = ZERO
  for bucket, amount in pairs(buckets) do
    if tonumber(bucket) >= first then sum = add(sum, amount) end
  end
  return sum
end

local controlled = {}
local function control(target)
  local found = controlled[target]
  if found then return found end
  found = {granted = ZERO, is_frozen = false}
  local fields = redis.call('HGETALL', prefix .. 'c:' .. target)
  for i = 1, #fields, 2 do
    local value = fields[i + 1]
    if fields[i] == 'f' then
      found.is_frozen = value == '' or tonumber(value) > now
    else
      local amount, ends = string.match(value, '^(%d+) (.*)$')
      if ends == '' or tonumber(ends) > now then
        found.granted = add(found.granted, big(amount))
      end
    end
  end
  controlled[target] = found
  return found
end
local function state(name, first)
  local found, own = account(name), control(name)
  local result = {spent = window(found.s, first), held = window(found.h, first),
                  granted = own.granted, is_frozen = own.is_frozen}
  local budget = string.match(name, '^[^|]*')
  if budget ~= name then
    local common = control(budget)
    result.granted = add(own.granted, common.granted)
    result.is_frozen = own.is_frozen or common.is_frozen
  end
  return result
end
local function report(answer, name, first)
  local found = state(name, first)
  answer[#answer + 1] = text(found.spent)
  answer[#answer + 1] = text(found.held)
  answer[#answer + 1] = text(found.granted)
  answer[#answer + 1] = found.is_frozen and 1 or 0
end

local function holder(name)
  local found = {key = prefix .. 'h:' .. name, name = name,
                 n = 0, r = -1, x = 0, e = 0, holds = {}, sets = {}, gone = {}}
  local fields = redis.call('HGETALL', found.key)
  for i = 1, #fields, 2 do
    local field, value = fields[i], fields[i + 1]
    if string.sub(field, 1, 1) == '=' then
      found.holds[field] = big(value)
    else
      found[field] = tonumber(value)
    end
  end
  return found
end
local function hold(found, field, bucket, of, amount)
  local before = found.holds[field] or ZERO
  put(of, 'h', bucket, add(subtract(of.h[bucket] or ZERO, before), amount))
  if is_zero(amount) then
    found.holds[field] = nil
    found.sets[field] = nil
    found.gone[#found.gone + 1] = field
  else
    found.holds[field] = amount
    found.sets[field] = text(amount)
  end
end
-- In one command, as each costs some microseconds.
local function write(found)
  for i = 1, #found.gone, 1000 do
    redis.call('HDEL', found.key, unpack(found.gone, i, math.min(i + 999, #found.gone)))
  end
  local values = {'n', string.format('%.0f', found.n), 'r', found.r,
                  'x', at(found.x), 'e', found.e}
  for field, value in pairs(found.sets) do
    values[#values + 1] = field
    values[#values + 1] = value
  end
  redis.call('HSET', found.key, unpack(values))
  found.sets, found.gone = {}, {}
end
local function forget_at(found)
  redis.call('EXPIREAT', found.key, math.ceil(found.x + REMEMBERED))
end
local function release(found)
  local fields = {}
  for field in pairs(found.holds) do fields[#fields + 1] = field end
  for _, field in ipairs(fields) do
    local bucket, name = string.match(field, '^=(-?%d+)|(.*)$')
    hold(found, field, bucket, account(name), ZERO)
  end
  redis.call('ZREM', prefix .. 'leases', found.name)
  if #fields > 0 then
    found.e = 1
    write(found)
    forget_at(found)
  end
end
local ended = redis.call('ZRANGEBYSCORE', prefix .. 'leases', '-inf', at(now),
                         'LIMIT', 0, AT_ONCE)
for _, name in ipairs(ended) do release(holder(name)) end
"""
)

EXCHANGE = f"""{_COMMON}
local me = holder(ARGV[2])
local number, lease = tonumber(ARGV[3]), tonumber(ARGV[4])
if me.x <= now and next(me.holds) then release(me) end
local has_expired, had_holds = me.e, next(me.holds)
local changes = {{}}
for i = 5, #ARGV, 6 do
  changes[#changes + 1] = {{
    name = ARGV[i], of = account(ARGV[i]), bucket = ARGV[i + 1],
    first = tonumber(ARGV[i + 2]), spent = big(ARGV[i + 3]), hold = big(ARGV[i + 4]),
    limit = ARGV[i + 5] ~= '' and big(ARGV[i + 5]) or nil,
    field = '=' .. ARGV[i + 1] .. '|' .. ARGV[i],
  }}
end
if number > me.n then
  for _, each in ipairs(changes) do
    if not is_zero(each.spent) then
      local sum = add(each.of.s[each.bucket] or ZERO, each.spent)
      put(each.of, 's', each.bucket, sum)
    end
    local mine = me.holds[each.field] or ZERO
    local rest = subtract(mine, each.spent)
    if compare(each.hold, rest) < 0 then rest = each.hold end
    if compare(rest, mine) ~= 0 then
      hold(me, each.field, each.bucket, each.of, rest)
    end
  end
  me.n, me.r, me.e = number, -1, 0
  for i, each in ipairs(changes) do
    local mine = me.holds[each.field] or ZERO
    if each.limit and compare(each.hold, mine) > 0 then
      local found = state(each.name, each.first)
      local used = add(add(found.spent, found.held), subtract(each.hold, mine))
      if found.is_frozen or compare(used, add(each.limit, found.granted)) > 0 then
        me.r = i - 1
        break
      end
    end
  end
  if me.r < 0 then
    for _, each in ipairs(changes) do
      if compare(each.hold, me.holds[each.field] or ZERO) > 0 then
        hold(me, each.field, each.bucket, each.of, each.hold)
      end
    end
  end
end
me.x = now + lease
write(me)
if next(me.holds) then
  redis.call('ZADD', prefix .. 'leases', at(me.x), me.name)
  if not had_holds then redis.call('PERSIST', me.key) end
else
  if had_holds then redis.call('ZREM', prefix .. 'leases', me.name) end
  forget_at(me)
end
local answer = {{me.r, has_expired}}
for _, each in ipairs(changes) do
  if now >= each.first + MARGIN then
    local old = {{}}
    for bucket in pairs(each.of.s) do
      if tonumber(bucket) < each.first - MARGIN and not each.of.h[bucket] then
        old[#old + 1] = bucket
      end
    end
    for _, bucket in ipairs(old) do put(each.of, 's', bucket, ZERO) end
  end
  local removed_at = now + math.max(MIN_ACCOUNT, 2 * (now - each.first))
  if removed_at > each.of.until_ + {_REMOVAL_STEP_S} then  -- once a day
    each.of.until_ = removed_at
    redis.call('HSET', each.of.key, 'u', at(removed_at))
    redis.call('EXPIREAT', each.of.key, math.ceil(removed_at))
    redis.call('ZADD', prefix .. 'accounts', at(removed_at), each.name)
    redis.call('ZREMRANGEBYSCORE', prefix .. 'accounts', '-inf', at(now))
  end
end
for _, each in ipairs(changes) do report(answer, each.name, each.first) end
return answer
"""

READ = f"""{_COMMON}
local answer = {{}}
for i = 2, #ARGV, 2 do report(answer, ARGV[i], tonumber(ARGV[i + 1])) end
return answer
"""

RESET = f"""{_CLOCK}
local key = prefix .. 'a:' .. ARGV[2]
for _, field in ipairs(redis.call('HKEYS', key)) do
  if string.sub(field, 1, 1) == 's' then redis.call('HDEL', key, field) end
end
return 0
"""

# Sets or deletes one field, and has the key end when the last of its fields does.
CONTROL = f"""{_CLOCK}
local key = prefix .. 'c:' .. ARGV[2]
if ARGV[4] then
  redis.call('HSET', key, ARGV[3], ARGV[4])
else
  redis.call('HDEL', key, ARGV[3])
end
local fields, last = redis.call('HGETALL', key), 0
for i = 1, #fields, 2 do
  local ends = string.match(fields[i + 1], '[^ ]*$')
  if ends == '' then
    last = nil
    break
  end
  last = math.max(last, tonumber(ends))
end
if last then
  redis.call('EXPIREAT', key, math.ceil(last) + 1)
else
  redis.call('PERSIST', key)
end
return 0
"""

ACCOUNTS = f"""{_CLOCK}
local names = redis.call('ZRANGEBYSCORE', prefix .. 'accounts', at(now), '+inf')
local found, start = {{}}, ARGV[2]
for _, name in ipairs(names) do
  if string.sub(name, 1, #start) == start then found[#found + 1] = name end
end
return found
"""
