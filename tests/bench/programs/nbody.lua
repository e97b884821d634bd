-- Planets that attract each other: fields of tables, floats, square roots.
local steps = tonumber(arg and arg[1]) or 400000
local sqrt = math.sqrt

local function body(mass, x, y, z, vx, vy, vz)
	return { mass = mass, x = x, y = y, z = z, vx = vx, vy = vy, vz = vz }
end

local bodies = {
	body(1, 0, 0, 0, 0, 0, 0),
	body(0.001, 5.2, 0, 0.1, 0, 0.44, 0.002),
	body(0.0003, 0, 9.5, -0.2, -0.32, 0, 0.001),
	body(0.00004, -19.2, 0, 0.3, 0, -0.23, -0.001),
	body(0.00005, 0, -30.1, -0.4, 0.18, 0, 0.0005),
}

local function pull(a, b, dt)
	local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
	local square = dx * dx + dy * dy + dz * dz
	local force = dt / (square * sqrt(square))
	local fa, fb = b.mass * force, a.mass * force
	a.vx, a.vy, a.vz = a.vx - dx * fa, a.vy - dy * fa, a.vz - dz * fa
	b.vx, b.vy, b.vz = b.vx + dx * fb, b.vy + dy * fb, b.vz + dz * fb
end

local function advance(dt)
	local n = #bodies
	for i = 1, n do
		local a = bodies[i]
		for j = i + 1, n do
			pull(a, bodies[j], dt)
		end
	end
	for i = 1, n do
		local a = bodies[i]
		a.x, a.y, a.z = a.x + dt * a.vx, a.y + dt * a.vy, a.z + dt * a.vz
	end
end

local function energy()
	local e = 0
	for i, a in ipairs(bodies) do
		e = e + 0.5 * a.mass * (a.vx * a.vx + a.vy * a.vy + a.vz * a.vz)
		for j = i + 1, #bodies do
			local b = bodies[j]
			local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
			e = e - a.mass * b.mass / sqrt(dx * dx + dy * dy + dz * dz)
		end
	end
	return e
end

print(string.format("%.9f", energy()))
for _ = 1, steps do
	advance(0.01)
end
print(string.format("%.9f", energy()))
