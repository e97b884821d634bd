-- An optimization that jitlua does not have: x / 4.0 is x * 0.25, exactly, for every power
-- of two, and a multiplication takes a fraction of a division's time.
local hooks = require "jithooks"

local function inverse(f)
  local fraction = math.type(f) == "float" and f ~= 0 and f - f == 0 and 1 / f
  return fraction and fraction * f == 1 and math.abs(f) == 2.0 ^ math.floor(math.log(math.abs(f), 2) + 0.5)
         and fraction
end

hooks.set_optimize_hook(function(info)
  local changed
  for _, op in ipairs(info.operations) do
    local fraction = op.name == "float_truediv" and inverse(op.args[2])
    if fraction then
      op.name, op.args[2], changed = "float_mul", fraction, true
    end
  end
  if changed then return info.operations end
end)
