-- jitlua mutate.lua SEED LISTS: runs the programs with an optimize hook that changes the
-- operations at random, and compares what they compute with what the interpreter does.
--
-- Some changes keep the meaning (they exercise what is accepted), most do not and have to
-- be refused; some are no lists at all. Whatever happens, the program must compute the
-- same. Prints one line of counts; a difference, with the list, and status 1.
local hooks, jit = require "jithooks", require "jit"
local seed, lists, only = tonumber(arg[1] or 1), tonumber(arg[2] or 1000), arg[3]
local programs = dofile((arg[0]:gsub("[^/]*$", "")) .. "programs.lua")
math.randomseed(seed)
local random = math.random
local function pick(t) return t[random(#t)] end

local names = {}
for name in ([[label jump finish arg_i arg_f arg_r guard_true guard_false guard_value guard_nonnull
guard_isnull guard_not_invalidated guard_always_fails getslot_tag getslot_i getslot_f getslot_r
slot_address getfield_i getfield_r getupvalue getvalue_tag getvalue_i getvalue_f getvalue_r setvalue
getarrayitem_tag getarrayitem_i getarrayitem_f getarrayitem_r setarrayitem node_at getnode_key
getnode_keytag getnode_tag getnode_i getnode_f getnode_r setnode barrier_back barrier strlen strgetitem
int_add int_sub int_mul int_floordiv int_mod int_and int_or int_xor int_lshift uint_rshift int_neg
int_invert int_lt int_le int_eq int_ne int_gt int_ge uint_lt uint_ge float_add float_sub float_mul
float_truediv float_neg float_abs float_sqrt float_floor float_ceil float_lt float_le float_eq float_ne
float_gt float_ge cast_int_to_float cast_float_to_int ptr_eq ptr_ne same_as_i same_as_f same_as_r call_i
call_f call_r call_n call_may_force_i]]):gmatch("%S+") do names[#names + 1] = name end

local numbers = {0, 1, -1, 2, 3, 8, 63, 64, 255, math.maxinteger, math.mininteger, 0.0, -0.0, 1.0, 0.5,
                 2.0, 4.0, 1e308, 1 / 0, -1 / 0, 0 / 0}

-- ---- Changes: each gets the list and what can be an argument -----------------------------------

local function any_value(list)
  if random(4) == 1 then return pick(numbers) end
  local op = pick(list)
  if op.result and random(2) == 1 then return op.result end
  local from = op.failargs and random(2) == 1 and op.failargs or op.args
  return #from > 0 and pick(from) or pick(numbers)
end

local function type_of(value)
  return math.type(value) == "integer" and "i" or math.type(value) == "float" and "f" or value.type
end

-- A value of a type that is defined before place `at`; anything if there is none.
local function value_of(list, type, at)
  for _ = 1, 20 do
    local op = list[random(math.max(1, at - 1))]
    local value = op and op.result and random(3) > 1 and op.result or any_value(list)
    if type_of(value) == type then return value end
  end
  return any_value(list)
end

local changes = {
  function(list) table.remove(list, random(#list)) end,
  function(list) table.insert(list, random(#list), pick(list)) end,
  function(list) local i, j = random(#list), random(#list) list[i], list[j] = list[j], list[i] end,
  function(list) local i = random(#list) list[i], list[i + 1] = list[i + 1] or list[i], list[i] end,
  function(list) table.insert(list, random(#list), table.remove(list, random(#list))) end,
  function(list) local op = pick(list) if #op.args > 0 then op.args[random(#op.args)] = any_value(list) end end,
  function(list)
    local at = random(#list)
    local op = list[at]
    if #op.args > 0 then
      local n = random(#op.args)
      op.args[n] = value_of(list, type_of(op.args[n]), at)
    end
  end,
  function(list) local op = pick(list) op.name = pick(names) end,
  function(list)
    local op = pick(list)
    local family = op.name:match("^%a+_") or op.name
    for _ = 1, 30 do
      local name = pick(names)
      if name:sub(1, #family) == family then op.name = name return end
    end
  end,
  function(list) pick(list).descr = pick(list).descr end,
  function(list) pick(list).descr = pick {"1", "0", "-7", "table.array", "helper_concat", "integer", "nil", "x"} end,
  function(list)
    local op = pick(list)
    if op.failargs and #op.failargs > 0 then op.failargs[random(#op.failargs)] = any_value(list) end
  end,
  function(list)
    local at = random(#list)
    local op = list[at]
    if op.failargs and #op.failargs > 0 then
      local n = random(#op.failargs)
      op.failargs[n] = value_of(list, type_of(op.failargs[n]), at)
    end
  end,
  function(list) local a, b = pick(list), pick(list) a.snapshot, a.failargs = b.snapshot, b.failargs end,
  function(list) local a, b = pick(list), pick(list) a.result, b.result = b.result, a.result end,
  function(list)  -- a new operation, whose result some take
    local at = random(#list)
    local op = hooks.ResOperation(pick(names), {}, pick {nil, "1", pick(list).descr})
    for i = 1, random(0, 3) do op.args[i] = value_of(list, pick {"i", "i", "f", "r"}, at) end
    if random(3) == 1 then local g = pick(list) op.snapshot, op.failargs = g.snapshot, g.failargs end
    table.insert(list, at, op)
    for i = at + 1, #list do
      local args = list[i].args
      if op.result and #args > 0 and random(8) == 1 then args[random(#args)] = op.result end
    end
  end,
  function(list)  -- a guard again, or one that was not there
    local at = random(#list)
    local near = list[math.max(1, at + random(-2, 2))] or list[at]
    local new = hooks.ResOperation(pick {"guard_true", "guard_false", "guard_value"},
                                   {value_of(list, "i", at)})
    if new.name == "guard_value" then new.args[2] = pick {0, 1, 3, 19} end
    new.snapshot, new.failargs = near.snapshot, near.failargs
    table.insert(list, at, new)
  end,
  function(list)
    local at = random(#list)
    if list[at].snapshot and random(2) == 1 then table.insert(list, at, list[at])
    else for i = #list, math.max(1, #list - random(5)), -1 do list[i] = nil end end
  end,
}

-- These keep what is computed.
local function insert_before(list, op, new)
  for i = 1, #list do if list[i] == op then table.insert(list, i, new) return end end
end

local good = {
  int_add = function(list, op)
    local a, b = op.args[1], op.args[2]
    local way = random(4)
    if way == 1 then op.args = {b, a}
    elseif way == 2 then
      local neg = hooks.ResOperation("int_neg", {b})
      insert_before(list, op, neg)
      op.name, op.args = "int_sub", {a, neg.result}
    elseif way == 3 then
      local one = hooks.ResOperation("int_add", {a, 1})
      local two = hooks.ResOperation("int_sub", {b, 1})
      insert_before(list, op, one) insert_before(list, op, two)
      op.args = {two.result, one.result}
    elseif a == b then op.name, op.args = "int_lshift", {a, 1} end
  end,
  int_mul = function(list, op)
    local b = op.args[2]
    if math.type(b) ~= "integer" then op.args = {b, op.args[1]} return end
    for k = 1, 62 do if b == 1 << k then op.name, op.args = "int_lshift", {op.args[1], k} return end end
    local less = hooks.ResOperation("int_mul", {op.args[1], b - 1})
    insert_before(list, op, less)
    op.name, op.args = "int_add", {less.result, op.args[1]}
  end,
  float_truediv = function(_, op)
    if op.args[2] == 2.0 or op.args[2] == 4.0 then op.name, op.args[2] = "float_mul", 1 / op.args[2] end
  end,
  int_lt = function(_, op) op.name, op.args = "int_gt", {op.args[2], op.args[1]} end,
  int_le = function(_, op) op.name, op.args = "int_ge", {op.args[2], op.args[1]} end,
  float_lt = function(_, op) op.name, op.args = "float_gt", {op.args[2], op.args[1]} end,
  guard_true = function(list, op)
    if random(2) == 1 then insert_before(list, op, op) return end
    for _, c in ipairs(list) do
      local opposite = ({int_lt = "int_ge", int_ge = "int_lt", int_eq = "int_ne", int_ne = "int_eq"})[c.name]
      if opposite and c.result == op.args[1] then
        local new = hooks.ResOperation(opposite, c.args)
        insert_before(list, op, new)
        op.name, op.args = "guard_false", {new.result}
        return
      end
    end
  end,
  guard_value = function(list, op) insert_before(list, op, op) end,
}

local function move_up(list)
  local i = random(2, #list)
  if list[i].result and not list[i].snapshot and list[i].name:find("^int_") then
    local j = random(math.max(1, i - 6), i)
    for k = j, i - 1 do
      for _, a in ipairs(list[i].args) do if a == list[k].result then return end end
    end
    table.insert(list, j, table.remove(list, i))
  end
end

local junk = {
  function(list) list[random(#list)] = pick {1, "x", false, {}, print, coroutine.create(print), hooks} end,
  function(list) pick(list).args = pick {1, "x", false, {{}}, {print}, {{type = "i", id = 3}}, nil} end,
  function(list) pick(list).name = pick {1, "nop", "", ("x"):rep(300), {}, nil} end,
  function(list) pick(list).result = pick {1, 2.5, "x", {}, hooks.Box("i"), hooks.Box("r"), nil} end,
  function(list) pick(list).snapshot = pick {1, "x", {}, io.stdout, nil} end,
  function(list) pick(list).failargs = pick {1, {1}, {{}}, {print}, nil} end,
  function(list) pick(list).descr = pick {{}, 7, "helper_none", ("9"):rep(40), false} end,
  function(list) pick(list).line = pick {"x", -1, 1e300, math.maxinteger} end,
  function(list) local op = pick(list) for i = 1, 300 do op.args[i] = pick(numbers) end end,
  function(list) for i = 1, 20000 do list[i] = list[random(#list)] end end,
  function(list) for i = #list, 1, -1 do list[i] = nil end end,
  function(list) setmetatable(list, {__index = error, __len = error}) setmetatable(pick(list), {__index = error}) end,
}

-- ---- The hook ------------------------------------------------------------------------------

local count, changed = 0, nil
local stranger  -- an operation of an earlier trace

local function hot() local n = 0 for i = 1, 100 do n = n + i % 3 end return n end

local function misbehave()
  local way = random(40)
  if way == 1 then error("on purpose")
  elseif way == 2 then error({})
  elseif way == 3 then jit.flush()
  elseif way == 4 then collectgarbage()
  elseif way == 5 then hot()
  elseif way == 6 then coroutine.wrap(function() coroutine.yield(hot()) end)()
  elseif way == 7 then coroutine.yield()
  elseif way == 8 then hooks.set_compile_hook(function(info) assert(info.asmaddr) end)
  elseif way == 9 then hooks.set_compile_hook(nil)
  end
end

hooks.set_abort_hook(function(_, _, reason, operations)
  assert(reason and operations)
  if random(50) == 1 then jit.flush() end
end)

local function mutate(info)
  local list = info.operations
  count = count + 1
  if random(10) == 1 then misbehave() end
  local kind = random(10)
  if kind <= 3 then
    for _ = 1, random(8) do
      local op = pick(list)
      if good[op.name] then good[op.name](list, op) end
      if random(3) == 1 and #list > 1 then move_up(list) end
    end
  elseif kind <= 9 then
    for _ = 1, random(2) do if #list > 0 then pick(changes)(list) end end
  else
    pick(junk)(list)
    if random(20) == 1 then return pick {1, "x", true, false, print, {}, {{}}, info} end
    if stranger and random(4) == 1 then list[random(#list + 1)] = stranger end
  end
  if random(100) == 1 then stranger = list[1] end
  if os.getenv("DUMP") then
    for i = 1, #list do io.stderr:write(i - 1, " ", tostring(list[i]), "\n") end
  end
  return list
end

-- ---- Running -----------------------------------------------------------------------------------


local function text(source)
  local results = table.pack(pcall(load(source, "=program")))
  for i = 1, results.n do results[i] = tostring(results[i]) end
  return table.concat(results, " ")
end

jit.off()
local order, expected = {}, {}
for name, source in pairs(programs) do
  if not only or name == only then
    order[#order + 1] = name
    expected[name] = text(source)
  end
end
table.sort(order)
jit.opt.start("hotloop=" .. random(2, 9), "hotexit=" .. random(1, 4))
hooks.set_optimize_hook(mutate)

local round = 0
while count < lists do
  round = round + 1
  local name = order[round % #order + 1]
  jit.on()
  local result = text(programs[name])
  jit.off()
  if result ~= expected[name] then
    print(("%s: seed %d, round %d: %s, not %s"):format(name, seed, round, result, expected[name]))
    os.exit(1)
  end
  jit.flush()
  if round > 100000 and count == 0 then print("no lists") os.exit(1) end
end
local c = hooks.get_stats_snapshot().counters
print(("%d lists, %d accepted, %d refused, %d errors"):format(
  count, c.OPTIMIZE_REPLACED, c.OPTIMIZE_REJECTED, c.HOOK_ERRORS))
