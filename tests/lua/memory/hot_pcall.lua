-- Traces with pcall in them, entered at once: memory fails in what they call, and at their exits.
local ok, jit = pcall(require, "jit")
if ok then pcall(jit.on) pcall(jit.opt.start, "hotloop=2", "hotexit=1") end
local function gone(e) return type(e) == "string" and e:find("not enough memory", 1, true) end
local sum, last = 0, nil
local function make(i)
	local t = {i, name = "n" .. i}
	if i % 3 == 0 then error({code = #t.name}) end
	if i % 5 == 0 then error("text") end
	return t
end
local function write(i) last[i] = i .. "" return i end
for i = 1, 60 do
	local fine, e = pcall(make, i)
	if gone(e) then error(e, 0) end
	if fine then last = e elseif type(e) == "table" then sum = sum + e.code else sum = sum + #e end
	fine, e = pcall(write, i)
	if gone(e) then error(e, 0) end
	fine, e = xpcall(make, function(m) return m end, i)
	if gone(e) then error(e, 0) end
	sum = sum + (fine and 1 or 2)
end
return sum
