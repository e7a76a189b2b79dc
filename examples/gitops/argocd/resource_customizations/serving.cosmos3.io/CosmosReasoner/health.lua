-- The conditions follow kstatus. Stalled: nothing gets better before somebody does something.
-- Reconciling: it is on its way, or what is wrong may pass. Ready: every replica serves.
local generation = obj.metadata.generation
local status = obj.status or {}

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function holds(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end

local ready = conditions.Ready
local hs = {
  status = "Progressing",
  message = "Waiting for the operator to look at generation " .. tostring(generation)
}
if ready ~= nil and ready.observedGeneration == generation then
  hs.message = ready.reason .. ": " .. ready.message
end

-- A status about an older spec says nothing about this one, good or bad. It is -1 at first.
if status.observedGeneration ~= generation then
  return hs
end

if holds("Stalled") then
  hs.status = "Degraded"
elseif holds("Ready") and not holds("Reconciling") then
  hs.status = "Healthy"
end
return hs
