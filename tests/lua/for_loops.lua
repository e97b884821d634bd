-- The numeric for at the edges of integers and floats, and the generic for.

local function run(a, b, c)
	local out, n = {}, 0
	local ok, e = pcall(function()
		for i = a, b, c do
			n = n + 1
			if n <= 6 then
				out[#out + 1] = (math.type(i) == "float" and string.format("%.17gf", i) or tostring(i))
			else
				out[#out + 1] = "..."
				break
			end
		end
	end)
	print(tostring(a), tostring(b), tostring(c), table.concat(out, " "), ok, e)
end

local max, min = math.maxinteger, math.mininteger
local bounds = { 0, 1, -1, 3, max, max - 1, max - 2, min, min + 1, min + 2, 0.0, 1.5, -1.5, 3.0, 2 ^ 53, 2 ^ 63, -2 ^ 63, 2 ^ 64,
	-2 ^ 64, math.huge, -math.huge, 0 / 0, "1", "x" }
local steps = { 1, -1, 2, 3, -3, max, min, min + 1, 0.5, -0.5, 1.0, 0, 0.0, -0.0, math.huge, -math.huge, 1e300, "1" }
for _, a in ipairs(bounds) do
	for _, b in ipairs(bounds) do
		for _, c in ipairs(steps) do
			if a == a and b == b then
				run(a, b, c)
			end
		end
	end
end
run(0 / 0, 1, 1)
run(1, 0 / 0, 1)
run(1, 2, 0 / 0)
run(nil, 1, 1)
run(1, nil, 1)
run(1, 2, false)
print(select(2, pcall(function() for i = 1, {} do end end)), select(2, pcall(function() for i = print, 1 do end end)), select(2, pcall(function() for i = 1, 2, {} do end end)))

-- Constants in the code.
for i = 1, 0 do print("never", i) end
for i = 3, 1, -1 do io.write(i, " ") end print()
for i = 1, 2, 0.25 do io.write(i, " ") end print()
for i = 1.0, 3 do io.write(i, " ") end print()
for i = 1, 3.9 do io.write(i, " ") end print()
for i = 3, 1.1, -1 do io.write(i, " ") end print()
for i = max - 1, max do io.write(i, " ") end print()
for i = min + 1, min, -1 do io.write(i, " ") end print()
for i = max, max do io.write(i, " ") end print()
for i = 1, math.huge do if i > 3 then break end io.write(i, " ") end print()
for i = -1, -math.huge, -1 do if i < -3 then break end io.write(i, " ") end print()
for i = 0.1, 1, 0.1 do io.write(string.format("%.17g ", i)) end print()

-- The loop variable is a copy; the bounds are computed once.
local n = 3
for i = 1, n do
	n = 10
	local j = i
	i = i * 10
	io.write(i, ":", j, " ")
end
print()

-- Closures see a fresh variable each time.
local fs = {}
for i = 1, 5 do
	fs[#fs + 1] = function(d) i = i + (d or 0) return i end
end
print(fs[1](), fs[2](10), fs[2](), fs[3](), fs[5](1), fs[1](5), fs[1]())

-- Nested, with break and goto continue.
local s = 0
for i = 1, 10 do
	for j = i, 10, 2 do
		if (i + j) % 3 == 0 then goto continue end
		if j > 8 then break end
		s = s + i * j
		::continue::
	end
end
print(s)

-- Generic: iterators of all kinds.
local function range(n)
	return function(state, i)
		if i < state then return i + 1, i * i end
	end, n, 0
end
for i, q in range(4) do io.write(i, "=", q, " ") end print()
for a, b, c, d in function(_, k) if not k then return 1, 2 end end do print(a, b, c, d) end
for k, v in next, { 10 } do print(k, v) end
for w in ("one two three"):gmatch("%a+") do io.write(w, ",") end print()
for i, v in ipairs({ 1, 2, nil, 4 }) do io.write(i, "=", v, " ") end print()
local proxy = setmetatable({}, { __index = function(_, i) if i <= 3 then return i * 11 end end })
for i, v in ipairs(proxy) do io.write(i, "=", v, " ") end print()
for k, v in pairs(setmetatable({}, { __pairs = function(t) return range(2) end })) do io.write(k, "=", v, " ") end print()
local callable = setmetatable({}, { __call = function(self, state, i) i = i + 1 if i <= state then return i end end })
for i in callable, 3, 0 do io.write(i, " ") end print()
for v in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do io.write(v, " ") end print()

-- The fourth value is closed, however the loop ends.
local function closing(name, n)
	return function(s, i) if i < n then return i + 1 end end, nil, 0,
		setmetatable({}, { __close = function(_, e) print("close", name, e) end })
end
for i in closing("end", 2) do io.write(i, " ") end
for i in closing("break", 9) do if i == 2 then break end end
print(pcall(function() for i in closing("error", 9) do error("e" .. i, 0) end end))
print((function() for i in closing("return", 9) do return i end end)())
for i in closing("goto", 9) do goto out end
::out::
print(pcall(function() for i in 5 do end end))
print(pcall(function() for i in nil do end end))
print(pcall(function() local t = {} for i in t.x do end end))
print(pcall(function() for i in function() return 1 end, nil, nil, 5 do end end))

-- Changing existing fields while traversing; removing them.
local t = {}
for i = 1, 50 do t[i] = i t["k" .. i] = i end
local seen = 0
for k, v in pairs(t) do
	seen = seen + v
	t[k] = nil
end
print(seen, next(t))
print(pcall(next, {}, "no such key"))
print(pcall(next, {}, 1))
