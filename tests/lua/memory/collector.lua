local weak, eph, finalized = setmetatable({}, { __mode = "v" }), setmetatable({}, { __mode = "k" }), 0
for i = 1, 60 do
	weak[i] = { i }
	local key = {}
	eph[key] = { key, i }
	local o = setmetatable({ i }, { __gc = function(o) finalized = finalized + 1 end })
	if i % 20 == 0 then collectgarbage("step") end
end
collectgarbage()
local kept = {}
for i = 1, 50 do kept[i] = { tostring(i), function() return i end, coroutine.create(print) } end
collectgarbage("generational")
for i = 1, 100 do local t = { {}, {}, tostring(i) } end
collectgarbage("incremental")
collectgarbage()
local sum = 0
for i = 1, 50 do sum = sum + kept[i][2]() + #kept[i][1] end
return sum .. " " .. tostring(next(weak)) .. tostring(next(eph)) .. tostring(finalized > 50)
