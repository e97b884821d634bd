local V = {}
V.__index = function(t, k) return k .. "!" end
V.__newindex = function(t, k, v) rawset(t, k, { v }) end
V.__add = function(a, b) return setmetatable({ n = a.n + b.n }, V) end
V.__concat = function(a, b) return (type(a) == "table" and a.n or a) .. ":" .. (type(b) == "table" and b.n or b) end
V.__call = function(self, ...) return select("#", ...), { ... } end
V.__eq = function(a, b) return a.n == b.n end
V.__lt = function(a, b) return a.n < b.n end
V.__len = function(a) return #(a.n .. "") end
V.__tostring = function(a) return "V" .. a.n end
V.__close = function(a) a.closed = true end
V.__pairs = function(a) return next, { n = a.n } end
local out = {}
for i = 1, 10 do
	local a, b = setmetatable({ n = i * 10 }, V), setmetatable({ n = i }, V)
	do local c <close> = a end
	local s = a + b
	out[i] = tostring(s) .. s.missing .. (a .. b .. "x" .. a) .. #s .. (a(1, nil, b)) .. tostring(a == b) .. tostring(a < b) .. type(a.closed)
	for k, v in pairs(a) do out[i] = out[i] .. k .. v end
	local A = setmetatable({}, { __index = setmetatable({ x = {} }, { __index = function() return out end }) })
	A.y = A.x
end
return table.concat(out):len()
